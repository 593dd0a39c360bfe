#!/usr/bin/env bash
# SLURM: an array of single-GPU jobs that share one run. They need not run at the same time; one
# that starts late, or is started again, joins what is there. More of them: submit it once more.
#
#   sbatch slurm_array.sh mine.yaml        from a folder that all nodes see
#
#SBATCH --job-name=optimerge
#SBATCH --array=0-15                 # sixteen workers, as there is room
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=120G
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@1200         # 20 minutes before the end: finish the trial, then stop
#SBATCH --requeue                    # a preempted job is started again, and joins again
#SBATCH --open-mode=append
#SBATCH --output=optimerge-%A_%a.log
set -euo pipefail
space=${1:-mine.yaml}

# Readable by you alone (chmod 600), two lines without `export`:
#   OPTIMERGE_STORAGE=postgresql+psycopg://USER:PASSWORD@HOST/DATABASE
#   OPTIMERGE_ARTIFACTS=/shared/optimerge
set -a
. "${OPTIMERGE_ENV:-$HOME/.config/optimerge.env}"
set +a

# `exec`: the signal is for optimerge, which takes the place of this shell.
exec optimerge search "$space" --trials 2000

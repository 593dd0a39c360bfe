#!/usr/bin/env bash
# One machine with eight GPUs: eight workers, each with its own model on its own GPU, share one run.
# Needs nothing beside optimerge. The same command goes on after Ctrl-C, a crash or a restart.
#
#   ./eight_gpus.sh mine.yaml
set -euo pipefail
space=${1:-mine.yaml}

optimerge check "$space"       # do the models fit together, is there memory, are the tasks there
exec optimerge search "$space" --workers 8 --until 07:00 --trial-timeout 30

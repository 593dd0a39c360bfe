#!/usr/bin/env bash
# Spot (preemptible) machines: start this on boot, on as many as you like. Each joins the run; one
# that is taken away finishes its trial if there is time, else puts it back, and nothing is lost.
# One that vanishes without a word is missed after a minute or so, and its trial is tried again.
#
#   ./spot.sh mine.yaml       as a systemd service: TimeoutStopSec=120, Restart=on-failure
set -euo pipefail
space=${1:-mine.yaml}
notice=${NOTICE:-90}          # seconds between the warning and the end: AWS 120, Google 30

# Readable by you alone (chmod 600): OPTIMERGE_STORAGE=..., OPTIMERGE_ARTIFACTS=s3://BUCKET/PATH
set -a
. "${OPTIMERGE_ENV:-$HOME/.config/optimerge.env}"
set +a

optimerge search "$space" --run-dir "${SCRATCH:-/tmp}/mine" --trials 2000 &
search=$!

# The machine's end is a SIGTERM: once = finish this trial, twice = stop now and put it back.
later=
going() {
  kill -TERM "$search"
  { sleep "$notice"; kill -TERM "$search" 2>/dev/null; } &
  later=$!
}
trap going TERM INT
trap '[ -z "$later" ] || kill "$later" 2>/dev/null || true' EXIT

code=0
wait "$search" || code=$?
while kill -0 "$search" 2>/dev/null; do     # a trap ends `wait`: the search is still at work
  code=0
  wait "$search" || code=$?
done
exit "$code"                  # 0: the budget is used; 143: stopped, the next machine goes on

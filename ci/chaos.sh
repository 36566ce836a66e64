#!/usr/bin/env bash
# Faults under load: a whole site of its own (three APIs behind Envoy, three workers, PostgreSQL, Redis, a chaos proxy in every
# link) is mistreated while clients submit, read and cancel; then it heals, drains, and everything is accounted for.
#
#   ci/chaos.sh [--release] [--for 10m] [--only F17]… [--seed N] [--due JOBS] [--list] [--out FOLDER]
#
# Without --only, faults are drawn from all. A seed repeats the schedule, not the timing of threads. The history of the run is
# judged by the invariants of docs/RELIABILITY.md. Not 0 when one was violated, and when the run did not reach what it has to in
# order to prove anything; then FOLDER (.cache/chaos/ and the time) is kept, whose report.txt tells what happened.
#
# --only recovery and --only overload measure, and judge by what is promised; --release makes the build worth measuring.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

profile=debug
build=()
if [[ ${1-} == --release ]]; then
  profile=release
  build=(--release)
  shift
fi
out=$cache/chaos/$(date +%Y%m%d-%H%M%S)-$$
arguments=("$@")
[[ " $* " == *' --out '* ]] || arguments+=(--out "$out")

if [[ -z ${SCHEDULER_BIN_DIR-} ]]; then
  ci/install.sh
  cargo build --quiet "${build[@]}" --workspace --bins
  target=$(cargo metadata --format-version 1 --no-deps --offline | jq -r .target_directory)
  export SCHEDULER_BIN_DIR=$target/$profile
fi
export ENVOY_BIN=${ENVOY_BIN-$cache/bin/envoy}

status=0
"$SCHEDULER_BIN_DIR/chaos" "${arguments[@]}" || status=$?
if ((status == 0)); then
  rm -rf "$out"
elif [[ -d $out ]]; then
  say "kept: $out"
fi
exit "$status"

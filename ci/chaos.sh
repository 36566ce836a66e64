#!/usr/bin/env bash
# Faults under load: a whole site of its own (three APIs behind Envoy, three workers, PostgreSQL, Redis, a chaos proxy in every
# link) is mistreated while clients submit, read and cancel; then it heals, drains, and everything is accounted for.
#
#   ci/chaos.sh [--for 10m] [--only F17]… [--seed N] [--list] [--out FOLDER]
#
# Without --only, faults are drawn from all. A seed repeats the schedule, not the timing of threads. Not 0 when anything was
# lost, done twice or stuck, and when the run did not reach what it has to in order to prove anything; then FOLDER (.cache/chaos/
# and the time) is kept.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

out=$cache/chaos/$(date +%Y%m%d-%H%M%S)-$$
arguments=("$@")
[[ " $* " == *' --out '* ]] || arguments+=(--out "$out")

if [[ -z ${SCHEDULER_BIN_DIR-} ]]; then
  ci/install.sh
  cargo build --quiet --workspace --bins
  target=$(cargo metadata --format-version 1 --no-deps --offline | jq -r .target_directory)
  export SCHEDULER_BIN_DIR=$target/debug
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

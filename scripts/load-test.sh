#!/usr/bin/env bash
# Submits noop jobs at a steady rate: load-test.sh [jobs per second = 10] [seconds = 60] [priority = default]
#
# GRPC_PORT  where the scheduler answers on localhost (8081)
# OUT        folder for the results; without it they are only printed
# TSCTL      the command itself; without it, tsctl from PATH, else the newest build in target/
#
# A thin wrapper: `tsctl load --help` says what more there is, docs/LOAD.md what the figures mean.
set -euo pipefail

rate=${1:-10} seconds=${2:-60} priority=${3:-default}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

find_tsctl() {
  command -v tsctl && return
  local built
  for built in "$root"/target/{dist,release,debug}/tsctl; do
    if [[ -x $built ]]; then
      echo "$built"
      return
    fi
  done
  echo "load-test.sh: no tsctl; build it: cargo build --release --bin tsctl" >&2
  return 1
}

tsctl=${TSCTL:-$(find_tsctl)}
exec "$tsctl" load --address "http://localhost:${GRPC_PORT:-8081}" \
  --rate "$rate" --duration "${seconds}s" --priorities "$priority" ${OUT:+--out "$OUT"}

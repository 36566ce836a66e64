#!/usr/bin/env bash
# Measures the scheduler and its peers on this machine, in one run, and writes docs/BENCHMARKS.md. Hours for all of it;
# each cell has a PostgreSQL and a Redis of its own with production durability. bench/README.md says what is measured.
#
#   ci/bench.sh [--only PEER,…] [--modes MODE,…] [--runs 5] [--jobs N] [--out FOLDER] [--help for the rest]
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# --help needs nothing installed.
[[ " $* " == *' --help '* || " $* " == *' -h '* || " $* " == *' --report-only '* ]] || "$root/ci/install.sh"
exec python3 "$root/bench/run.py" "$@"

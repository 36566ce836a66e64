#!/usr/bin/env bash
# Passes the tests on a machine that has nothing but Rust: installs what is missing, lints, starts a
# private PostgreSQL and Redis, runs every ring of tests, cleans up.
#
#   ci/test.sh [--no-lint] [--cluster] [ARGUMENT OF cargo test]…   --workspace when there is none
#
# With --cluster the chart is installed in a Kubernetes as well, where ci/cluster-e2e.sh can make one: ten
# minutes more, and another twenty the first time.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

lint=yes
cluster=no
while [[ ${1-} == --no-lint || ${1-} == --cluster ]]; do
  case $1 in
    --no-lint) lint=no ;;
    --cluster) cluster=yes ;;
  esac
  shift
done
arguments=("$@")
((${#arguments[@]})) || arguments=(--workspace)

build=()
limit=()
if in_ci; then
  # A stale lock file is a fault there. What compiles is no news, and nobody watches: a test that
  # hangs has to end before the job does, while its output can still be read.
  build=(--locked --quiet)
  limit=(timeout --kill-after=60s 30m)
fi
export RUST_BACKTRACE=${RUST_BACKTRACE-1}

step 'install'
ci/install.sh

if [[ $lint == yes ]]; then
  ci/lint.sh
fi

step 'build'
# The end-to-end tests start the binaries themselves.
cargo build "${build[@]}" --workspace --bins
cargo test "${build[@]}" "${arguments[@]}" --no-run
target=$(cargo metadata --format-version 1 --no-deps --offline | jq -r .target_directory)
export SCHEDULER_BIN_DIR=$target/debug

step 'test'
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
"${limit[@]}" ci/services.sh with --fast -- cargo test --no-fail-fast "${arguments[@]}" 2>&1 |
  tee "$log" || status=$?
e2e=0
if [[ $cluster == yes ]]; then
  ci/cluster-e2e.sh 2>&1 | tee -a "$log" || e2e=$?
fi

step 'done'
# Tests that lack something here say so in a line that begins with SKIPPED, written to the error
# stream itself, because the test harness hides what a passing test prints.
grep -h '^SKIPPED' "$log" | sort | uniq -c >&2 || true
# The sum of what cargo printed for each binary, and ci/e2e.sh for its steps.
read -r passed failed < <(awk '/^test result:/ { p += $4; f += $6 } END { print p + 0, f + 0 }' "$log")
printf '%d passed, %d failed\n' "$passed" "$failed"
((status == 0)) || die "cargo test ended with status $status"
((e2e == 0)) || die "ci/cluster-e2e.sh ended with status $e2e"
((failed == 0)) || die 'tests failed'
((passed > 0)) || die 'no test ran'

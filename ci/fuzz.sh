#!/usr/bin/env bash
# Fuzz targets for longer than `cargo test` runs them: the decoders that take bytes from outside, each beside its decoder in a
# module `fuzz`, and every field of every RPC.
#
#   ci/fuzz.sh [--for 60s] [--list] [TARGET]
#
# Each target whose name contains TARGET, or each of all, runs for the time given, one after the other, with at most 4 GiB of
# address space: what allocates without bound fails. A failure prints BOLERO_RANDOM_SEED; set, it is tried first. With
# cargo-bolero (and a nightly compiler), `cargo bolero test -p CRATE TARGET` lets libFuzzer look for them instead.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

length=60s
only=
list_all=
while (($#)); do
  case $1 in
    --for) length=${2-} && shift ;;
    --list) list_all=yes ;;
    -*) die "unknown option $1" ;;
    *) only=$1 ;;
  esac
  shift
done
[[ $length =~ ^([0-9]+)(s|m|h)$ ]] || die "--for $length: must be a time such as 30s, 5m or 1h"
declare -A unit=([s]=1000 [m]=60000 [h]=3600000)
millis=$((BASH_REMATCH[1] * unit[${BASH_REMATCH[2]}]))

tests=(cargo test --quiet --workspace --lib --bins --test fields)
mapfile -t targets < <("${tests[@]}" -- --list fuzz:: | sed -n 's/^\(.*fuzz::.*\): test$/\1/p' | grep -F -- "$only" | sort -u)
((${#targets[@]})) || die "there is no target like $only; --list shows them"
if [[ $list_all ]]; then
  printf '%s\n' "${targets[@]}"
  exit
fi

ulimit -v $((4 << 20))
export BOLERO_RANDOM_TEST_TIME_MS=$millis BOLERO_RANDOM_ITERATIONS=18446744073709551615
failed=()
for target in "${targets[@]}"; do
  step "$target"
  "${tests[@]}" -- --exact "$target" || failed+=("$target")
done
((${#failed[@]} == 0)) || die "${#failed[@]} of ${#targets[@]} failed: ${failed[*]}"
say "${#targets[@]} targets, $length each: nothing found"

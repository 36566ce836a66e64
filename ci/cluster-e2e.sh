#!/usr/bin/env bash
# Runs ci/e2e.sh in a Kubernetes that is made for it on this machine, where the means for that are there:
# brings it up, builds the images from what cargo built, starts a PostgreSQL as the database from outside,
# and takes all of it down again, also after a failure.
#
#   ci/cluster-e2e.sh                            values/ci.yaml; then values/scale-to-zero.yaml, with KEDA
#   ci/cluster-e2e.sh ARGUMENT OF ci/e2e.sh…     values/ci.yaml and these, without KEDA
#
#   LOCAL_CLUSTER   folder with the programs `cluster` and `image`     [../shared/cluster]
#   PROFILE         which of cargo's builds goes into the images       [debug]
#   KEEP_CLUSTER    when set, the cluster is left running; one that ran before is left in any case
#   BUILD_LIMIT     longest that its programs may take to build, where they have not been yet [25m]
#   KEDA_LIMIT      the same of KEDA                [12m]
#
# On the standard output is what ci/e2e.sh writes there. Where the cluster cannot be brought up, that counts
# as a failed test (but not in CI, on whose machines it may not run); where its programs take too long to build,
# a line says that it was SKIPPED.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

local_cluster=${LOCAL_CLUSTER:-../shared/cluster}
profile=${PROFILE:-debug}
skip() {
  printf 'SKIPPED: e2e in Kubernetes: %s\n' "$*" >&2
  exit 0
}
[[ -x $local_cluster/cluster ]] || skip "there is no $local_cluster/cluster"
((EUID == 0)) || skip "$local_cluster/cluster has to be run by root"
have go || skip "there is no Go to build the cluster's programs with"
local_cluster=$(realpath "$local_cluster")
target=$(cargo metadata --format-version 1 --no-deps --offline | jq -r .target_directory)
k() { "$local_cluster/cluster" exec kubectl "$@"; }

# An empty database, and the namespace with nothing in it but its password; also where an earlier run has left something.
empty_database() {
  k delete --ignore-not-found --wait --filename ci/postgres.yaml >&2
  k delete namespace task-scheduler --ignore-not-found --wait --timeout 120s >&2
  k apply --filename ci/postgres.yaml >&2
  k rollout status deployment/postgres --timeout 120s >&2
  k create namespace task-scheduler >&2
  k --namespace task-scheduler create secret generic scheduler-database --from-literal=password=scheduler >&2
}

# The node cannot reach registries: these stand in for the chart's images.
images=(redis postgres envoy)
image_files=${CLUSTER_CACHE:-/var/cache/cluster}/images
programs=$(mktemp -d)
begun= # ci/e2e.sh counts for itself
down() {
  local status=$?
  rm -rf "$programs"
  ((status == 0)) || [[ -n $begun ]] ||
    printf 'test e2e::cluster ... FAILED\ntest result: FAILED. 0 passed; 1 failed; finished in %ds\n' "$SECONDS"
  [[ -n ${KEEP_CLUSTER-} ]] || "$local_cluster/cluster" down >/dev/null 2>&1 || say 'the cluster did not stop'
}

# The first time, what is brought up has to be built: where that takes too long, nothing is said of the chart.
bring() { # up|keda LIMIT
  local status=0
  timeout --kill-after=30s "$2" "$local_cluster/cluster" "$1" >&2 || status=$?
  ((status != 124)) || skip "cluster $1: not done within $2"
  return "$status"
}

step 'cluster'
if k get --raw /readyz >/dev/null 2>&1; then
  say 'it runs already, and will go on'
  KEEP_CLUSTER=yes
fi
trap down EXIT
bring up "${BUILD_LIMIT:-25m}" || {
  # CI's machines are not ours to choose: one that cannot run the node says nothing about the chart.
  ! in_ci || skip 'the cluster did not come up'
  die 'the cluster did not come up'
}

step 'images'
for image in "${images[@]}"; do
  [[ -f $image_files/$image.tar ]] || "$local_cluster/image" "$image" >&2
  "$local_cluster/cluster" load "$image_files/$image.tar" >&2
done
# Without what only a debugger reads: the node takes a copy of each.
for program in scheduler-api scheduler-worker tsctl; do
  strip --strip-debug -o "$programs/$program" "$target/$profile/$program"
done
declare -A stage=([scheduler-api]=api [scheduler-worker]=worker [tsctl]=cli)
for name in "${!stage[@]}"; do
  "$local_cluster/image" build --quiet --build-context "build=$programs" --tag "$name:local" \
    --target "${stage[$name]}" . >&2
done

step 'database'
empty_database

step 'e2e'
export KUBECTL="$local_cluster/cluster exec kubectl" HELM="$local_cluster/cluster exec helm"
export IN_CLUSTER_NET="$local_cluster/cluster exec" LOAD_IMAGE="$local_cluster/cluster load"
export GATEWAY=${GATEWAY:-10.10.0.1:30080} TSCTL=${TSCTL:-$target/$profile/tsctl}
# On a small machine, with programs that were built to be debugged, little load is much.
export RATE=${RATE:-50} HPA_RATE=${HPA_RATE:-100}
begun=yes
here=(--set cockroachdb.external.host=postgres.default.svc
  --set cockroachdb.external.existingSecret=scheduler-database
  --set redis.image.repository=library/redis --set redis.image.tag=7.0)
if (($#)); then
  ci/e2e.sh --values values/ci.yaml "${here[@]}" "$@"
  exit 0
fi
ci/e2e.sh --values values/ci.yaml "${here[@]}" --skip zero

step 'KEDA'
begun=
bring keda "${KEDA_LIMIT:-12m}" || die 'KEDA did not come up'
empty_database

step 'e2e with KEDA'
begun=yes
OUT=${OUT:-$cache/e2e}-keda ci/e2e.sh --values values/ci.yaml --values values/scale-to-zero.yaml "${here[@]}" \
  --set worker.autoscaling.maxReplicas=6 --set worker.autoscaling.keda.cooldownPeriod=20 \
  --only install --only zero --only uninstall

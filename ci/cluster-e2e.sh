#!/usr/bin/env bash
# Runs ci/e2e.sh in a Kubernetes that is made for it on this machine, where the means for that are there:
# brings it up, builds the images from what cargo built, starts a PostgreSQL as the database from outside,
# and takes all of it down again, also after a failure.
#
#   ci/cluster-e2e.sh [ARGUMENT OF ci/e2e.sh]…
#
#   LOCAL_CLUSTER   folder with the programs `cluster` and `image`     [../shared/cluster]
#   PROFILE         which of cargo's builds goes into the images       [debug]
#   KEEP_CLUSTER    when set, the cluster is left running
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

local_cluster=${LOCAL_CLUSTER:-../shared/cluster}
profile=${PROFILE:-debug}
if [[ ! -x $local_cluster/cluster ]]; then
  printf 'SKIPPED: e2e in Kubernetes: there is no %s\n' "$local_cluster/cluster" >&2
  exit 0
fi
local_cluster=$(realpath "$local_cluster")
target=$(cargo metadata --format-version 1 --no-deps --offline | jq -r .target_directory)
# The node cannot reach registries: these stand in for the chart's images.
images=(redis postgres envoy)
programs=$(mktemp -d)

down() {
  rm -rf "$programs"
  [[ -n ${KEEP_CLUSTER-} ]] || "$local_cluster/cluster" down >/dev/null 2>&1 || say 'the cluster did not stop'
}
trap down EXIT

step 'cluster'
"$local_cluster/cluster" up
for image in "${images[@]}"; do
  [[ -f /var/cache/cluster/images/$image.tar ]] || "$local_cluster/image" "$image"
  "$local_cluster/cluster" load "/var/cache/cluster/images/$image.tar"
done

step 'images'
# Without what only a debugger reads: the node takes a copy of each.
for program in scheduler-api scheduler-worker tsctl; do
  strip --strip-debug -o "$programs/$program" "$target/$profile/$program"
done
declare -A stage=([scheduler-api]=api [scheduler-worker]=worker [tsctl]=cli)
for name in "${!stage[@]}"; do
  "$local_cluster/image" build --build-context "build=$programs" --tag "$name:local" --target "${stage[$name]}" .
done

step 'database'
k() { "$local_cluster/cluster" exec kubectl "$@"; }
k apply --filename ci/postgres.yaml
k rollout status deployment/postgres --timeout 120s
k create namespace task-scheduler
k --namespace task-scheduler create secret generic scheduler-database --from-literal=password=scheduler

step 'e2e'
export KUBECTL="$local_cluster/cluster exec kubectl" HELM="$local_cluster/cluster exec helm"
export IN_CLUSTER_NET="$local_cluster/cluster exec" LOAD_IMAGE="$local_cluster/cluster load"
export GATEWAY=${GATEWAY:-10.10.0.1:30080} TSCTL=${TSCTL:-$target/$profile/tsctl}
ci/e2e.sh --values values/ci.yaml --set cockroachdb.external.host=postgres.default.svc \
  --set cockroachdb.external.existingSecret=scheduler-database \
  --set redis.image.repository=library/redis --set redis.image.tag=7.0 "$@"

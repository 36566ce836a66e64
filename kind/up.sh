#!/usr/bin/env bash
# From nothing to a scheduler on localhost:8080: creates the kind cluster, builds the images and loads
# them, installs metrics-server and the chart, and waits until all of it is ready. Running it again
# builds anew and upgrades.
#
#   kind/up.sh [--multi] [--no-build] [--no-install] [ARGUMENT OF helm]…
#
#   kind/up.sh --values values/hpa-cpu.yaml
#   KIND_NODE_IMAGE=kindest/node:v1.34.11 kind/up.sh      another version of Kubernetes
set -euo pipefail
# shellcheck source=../ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ci/lib.sh"
cd "$root"

cluster=task-scheduler
metrics_server=3.13.0 # of its Helm chart

config=kind/cluster.yaml
build=yes
install=yes
arguments=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --multi) config=kind/cluster-multi.yaml ;;
    --no-build) build=no ;;
    --no-install) install=no ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
((${#arguments[@]})) || arguments=(--values values/kind.yaml)
for tool in docker kind kubectl helm; do
  have "$tool" || die "$tool is missing"
done

step 'cluster'
if ! kind get clusters 2>/dev/null | grep -qx "$cluster"; then
  kind create cluster --config "$config" --wait 120s ${KIND_NODE_IMAGE:+--image "$KIND_NODE_IMAGE"}
fi
kubectl config use-context "kind-$cluster" >&2

step 'images'
declare -A target=([scheduler-api]=api [scheduler-worker]=worker [tsctl]=cli)
for name in "${!target[@]}"; do
  if [[ $build == yes ]]; then
    # One platform and no attestations: an index of several manifests is what `kind load` trips over.
    docker build --provenance=false --sbom=false --target "${target[$name]}" --tag "$name:local" \
      --build-arg "PROFILE=${PROFILE:-release}" --build-arg "REVISION=$(git rev-parse --short HEAD)" .
  fi
  docker save "$name:local" | kind load image-archive /dev/stdin --name "$cluster"
done

step 'metrics-server'
# kind's kubelets have certificates that nobody signed, hence the first argument. The second makes the
# autoscalers see load after 15 seconds and not after a minute.
helm upgrade --install metrics-server metrics-server --namespace kube-system --version "$metrics_server" \
  --repo https://kubernetes-sigs.github.io/metrics-server \
  --set 'args={--kubelet-insecure-tls,--metric-resolution=15s}' --wait --timeout 3m >&2
kubectl wait --for=condition=Available --timeout=120s apiservice/v1beta1.metrics.k8s.io >&2

if [[ $install == yes ]]; then
  step 'chart'
  helm upgrade --install task-scheduler chart --namespace task-scheduler --create-namespace \
    "${arguments[@]}" --wait --wait-for-jobs --timeout 10m
  say 'ready: grpcurl -plaintext localhost:8080 list'
fi

#!/usr/bin/env bash
# Installs the chart into the cluster of KUBECONFIG and shows that it does what it says: one step after
# another, each a function below. On a failure, what the cluster knows is collected in OUT.
#
#   ci/e2e.sh [--values FILE]… [--set KEY=VALUE]… [--only STEP]… [--skip STEP]… [--list]
#
# It knows nothing of the kind of cluster. These variables say how to deal with it:
#   KUBECTL, HELM    how they are run                                  [kubectl, helm]
#   GATEWAY          host:port where the NodePort answers              [localhost:8080]
#   IN_CLUSTER_NET   what goes before a command that calls GATEWAY     [nothing]
#   LOAD_IMAGE       what an image's name is given to, to load it      [nothing: they are there or pulled]
#   IMAGES           the images that are loaded so
#                                  [scheduler-api:local scheduler-worker:local tsctl:local]
#   TSCTL            the command line client         [tsctl in target/release, target/debug or PATH]
#   NAMESPACE, RELEASE                                                 [task-scheduler both]
#   OUT              where summaries and what failed are kept          [.cache/e2e]
#   RATE             jobs a second in the steps that need load         [200]
#   HPA_RATE         where the load that is to move the HPA begins     [500]
#   HPA_BACK         longest that it may take to scale back in, seconds [600]
#   SPREAD           `pinned`: `spread` expects one pod to answer all calls [even]
#   KEEP             when set, `uninstall` leaves volumes and namespace
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

read -ra kubectl <<<"${KUBECTL:-kubectl}"
read -ra helm <<<"${HELM:-helm}"
read -ra in_net <<<"${IN_CLUSTER_NET-}"
read -ra load_image <<<"${LOAD_IMAGE-}"
read -ra images <<<"${IMAGES-scheduler-api:local scheduler-worker:local tsctl:local}"
gateway=${GATEWAY:-localhost:8080}
namespace=${NAMESPACE:-task-scheduler}
release=${RELEASE:-task-scheduler}
out=${OUT:-$cache/e2e}
rate=${RATE:-200}
# Deployments are called by the names of the deployment guide, which a release `task-scheduler` has.
prefix=
[[ $release == task-scheduler ]] || prefix=$release-

all_steps=(install helm_test submit spread scale hpa kill upgrade restart uninstall)

k() { "${kubectl[@]}" --namespace "$namespace" "$@"; }
h() { "${helm[@]}" --namespace "$namespace" "$@"; }
net() { "${in_net[@]}" "$@"; }

tsctl() {
  local program=${TSCTL-} candidate
  if [[ -z $program ]]; then
    for candidate in "$root/target/release/tsctl" "$root/target/debug/tsctl" "$(type -P tsctl || true)"; do
      [[ -x $candidate ]] && program=$candidate && break
    done
  fi
  [[ -n $program ]] || die 'no tsctl: cargo build --bin tsctl, or set TSCTL'
  net "$program" --address "http://$gateway" "$@"
}

# load NAME RATE DURATION: keeps its summary; its status is not 0 when a job was lost.
load() {
  local name=$1 jobs=$2 duration=$3
  mkdir -p "$out/$name"
  tsctl load --rate "$jobs" --duration "$duration" --mode e2e --out "$out/$name" --threshold 'lost==0' \
    >"$out/$name/load.log" 2>&1
}

# eventually SECONDS WHAT COMMAND…: until it succeeds.
eventually() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < deadline)) || die "not so in time: $what"
    sleep 1
  done
}

replicas() { k get deployment "$prefix$1" --output 'jsonpath={.spec.replicas}'; }
ready() { # DEPLOYMENT COUNT: exactly so many, all of them ready and none on its way out
  [[ $(k get deployment "$prefix$1" --output json |
    jq --raw-output '"\(.status.replicas // 0)/\(.status.readyReplicas // 0)"') == "$2/$2" ]]
}
hpa() { # COMPONENT FIELD: of its HorizontalPodAutoscaler; nothing when there is none
  k get horizontalpodautoscaler --output json |
    jq --raw-output --arg target "$prefix$1" \
      "first(.items[] | select(.spec.scaleTargetRef.name == \$target)) | $2 // empty"
}
fewest() { # COMPONENT: the least number of pods that its autoscaler keeps; nothing when there is none
  # KEDA's own figure first: it goes below that of the autoscaler that it makes.
  local found
  found=$(k get scaledobject "$prefix$1" --output 'jsonpath={.spec.minReplicaCount}' 2>/dev/null) || true
  printf '%s' "${found:-$(hpa "$1" .spec.minReplicas)}"
}
measured() { [[ -n $(hpa scheduler-worker '.status.currentMetrics[0]') ]]; }
rolled_out() {
  local name
  for name in "$@"; do k rollout status "deployment/$prefix$name" --timeout 180s >&2; done
}

# --- the steps ----------------------------------------------------------------------------------------

step_install() {
  local image began=$SECONDS
  if ((${#load_image[@]})); then
    for image in "${images[@]}"; do "${load_image[@]}" "$image"; done
  fi
  k get namespace "$namespace" >/dev/null 2>&1 || k create namespace "$namespace"
  # What runs here is to pass the strictest of Kubernetes' pod security standards.
  k label namespace "$namespace" --overwrite pod-security.kubernetes.io/enforce=restricted >&2
  h install "$release" chart "${values[@]}" --wait --wait-for-jobs --timeout 10m >&2
  say "installed in $((SECONDS - began)) s"
  k get pods,services,persistentvolumeclaims --output wide >&2
}

step_helm_test() { h test "$release" --logs --timeout 5m >&2; }

step_submit() {
  tsctl queues list >&2
  if have grpcurl; then
    net grpcurl -plaintext -max-time 10 "$gateway" list | tee /dev/stderr | grep -qx scheduler.v1.SchedulerService
  fi
  tsctl jobs submit noop --wait >&2
  tsctl jobs submit flaky --payload '{"failures": 1}' --retry-initial 200ms --wait >&2
  tsctl jobs submit sleep --payload '{"ms": 300}' --priority high --count 20 --wait >&2
}

# Calls of CancelJob that each API pod has answered so far: `POD COUNT` lines. Through the API server,
# so that nothing has to be forwarded.
answered() {
  local pod
  for pod in $(k get pods --selector "app.kubernetes.io/instance=$release,app.kubernetes.io/component=api" \
    --field-selector status.phase=Running --output 'jsonpath={.items[*].metadata.name}'); do
    "${kubectl[@]}" get --raw "/api/v1/namespaces/$namespace/pods/$pod:2112/proxy/metrics" |
      awk -v pod="$pod" '/^grpc_requests_total\{.*CancelJob"/ { calls += $NF } END { print pod, calls + 0 }'
  done
}

step_spread() {
  local pods ids
  pods=$(replicas scheduler-api)
  mapfile -t ids < <(tsctl jobs submit noop --delay 1h --count $((100 * pods)) --output name)
  mkdir -p "$out"
  answered | sort >"$out/answered-before.txt"
  # One process of the client, which has one connection, and a call for each job.
  tsctl jobs cancel "${ids[@]}" --output name >/dev/null
  answered | sort | join "$out/answered-before.txt" - | awk '{ print $1, $3 - $2 }' | tee "$out/spread.txt" >&2
  if [[ ${SPREAD:-even} == pinned ]]; then
    # With values/lb-clusterip.yaml: that the calls do not spread is what the experiment shows.
    awk '$2 > 0 { pods++ } END { exit pods != 1 }' "$out/spread.txt" || die 'more than one API pod answered'
    return
  fi
  awk -v pods="$pods" '
    NR == 1 || $2 < least { least = $2 }
    $2 > most { most = $2 }
    END { exit !(NR == pods && most < 2 * least) }' "$out/spread.txt" ||
    die "the calls of one connection did not spread evenly over all $pods API pods"
}

step_scale() {
  local before
  before=$(replicas scheduler-api)
  k scale deployment "${prefix}scheduler-api" --replicas=4 >&2
  eventually 120 'four API pods are ready' ready scheduler-api 4
  # The gateway asks DNS for the pods every few seconds.
  sleep 10
  (step_spread)
  k scale deployment "${prefix}scheduler-api" --replicas="$before" >&2
}

step_hpa() {
  local least began jobs=${HPA_RATE:-500} round loader='' watcher
  least=$(fewest scheduler-worker)
  if [[ -z $least ]]; then
    say 'SKIPPED: no autoscaler for the workers'
    return
  fi
  # Without a pod there is nothing to measure.
  ((least == 0)) || eventually 180 'the autoscaler has a measurement' measured
  eventually "${HPA_BACK:-600}" "the workers are at their least, $least" ready scheduler-worker "$least"
  mkdir -p "$out/hpa"
  k get horizontalpodautoscaler --watch >"$out/hpa/watch.txt" 2>&1 &
  watcher=$!
  began=$SECONDS
  # Twice the load each minute: what it takes depends on the machine.
  for ((round = 0; round < 6; round++)); do
    load "hpa/$jobs" "$jobs" 60s &
    loader=$!
    while kill -0 "$loader" 2>/dev/null && (($(replicas scheduler-worker) <= least)); do sleep 2; done
    (($(replicas scheduler-worker) <= least)) || break
    wait "$loader" || die "jobs were lost at $jobs jobs/s: see $out/hpa/$jobs"
    jobs=$((2 * jobs))
  done
  (($(replicas scheduler-worker) > least)) || die 'the autoscaler added no worker'
  say "scaled out from $least to $(replicas scheduler-worker) after $((SECONDS - began)) s, at $jobs jobs/s"
  wait "$loader" || die "jobs were lost at $jobs jobs/s: see $out/hpa/$jobs"
  began=$SECONDS
  eventually "${HPA_BACK:-600}" "the workers are back at $least" ready scheduler-worker "$least"
  say "scaled in to $least again $((SECONDS - began)) s after the load"
  kill "$watcher" 2>/dev/null || true
  k get events --field-selector reason=SuccessfulRescale --sort-by .lastTimestamp | tee "$out/hpa/events.txt" >&2
  cat "$out/hpa/watch.txt" >&2
}

# A pod of a component, forced: no signal, no farewell, as when its machine is gone.
kill_one() { # COMPONENT
  local pod
  pod=$(k get pods --selector "app.kubernetes.io/instance=$release,app.kubernetes.io/component=$1" \
    --field-selector status.phase=Running --output name | shuf -n 1)
  [[ -n $pod ]] || die "no pod of $1 runs"
  k delete "$pod" --grace-period=0 --force >&2
}

step_kill() {
  local loader part parts=(worker api redis)
  k get statefulset "${prefix}redis" >/dev/null 2>&1 || parts=(worker api)
  # A single database has no other that could take over; that is an outage, and not tried here.
  ! k get statefulset "${prefix}cockroachdb-cluster" >/dev/null 2>&1 || parts+=(cockroachdb)
  load kill "$rate" 60s &
  loader=$!
  for part in "${parts[@]}"; do
    sleep 10
    kill -0 "$loader" 2>/dev/null || break
    kill_one "$part"
  done
  wait "$loader" || die "not every job ended: see $out/kill"
  say "killed ${parts[*]}; every job accounted for"
}

step_upgrade() {
  local kept stamp owners
  if [[ -z $(fewest scheduler-worker) ]]; then
    say 'SKIPPED: without an autoscaler the values say how many pods there are'
    return
  fi
  k scale deployment "${prefix}scheduler-worker" --replicas=5 >&2
  eventually 120 'five workers are ready' ready scheduler-worker 5
  stamp=$(date +%s)
  h upgrade "$release" chart "${values[@]}" --set-string "worker.podAnnotations.e2e=$stamp" >&2
  # At once, because an autoscaler may want fewer soon.
  kept=$(replicas scheduler-worker)
  ((kept == 5)) || die "the upgrade changed the number of workers from 5 to $kept"
  # The reason why it holds: who applied the Deployment does not own this field of it.
  owners=$(k get deployment "${prefix}scheduler-worker" --show-managed-fields --output json |
    jq --raw-output '.metadata.managedFields[] | select(.subresource == null)
      | select(.fieldsV1."f:spec"."f:replicas" != null) | .manager')
  [[ $owners != *helm* ]] || die 'Helm owns spec.replicas of the workers, so every upgrade would reset it'
  rolled_out scheduler-worker
  say "upgraded with $kept workers, which stayed"
}

# Submits under a key of its own each, as a careful client does, until the file STOP is there. The
# client tries a call again while nobody answers; one that fails all the same ends this.
careful() { # STOP
  local number=0
  while [[ ! -e $1 ]]; do
    number=$((number + 1))
    tsctl jobs submit noop --key "e2e-$$-$number" --output name >/dev/null || die "call $number failed"
  done
  say "$number calls with an idempotency key, none failed"
}

step_restart() {
  local loader caller name stop=$out/restart/stop
  mkdir -p "$out/restart"
  rm -f "$stop"
  load restart "$rate" 90s &
  loader=$!
  careful "$stop" &
  caller=$!
  sleep 5
  for name in scheduler-api scheduler-worker grpc-gateway; do
    k rollout restart "deployment/$prefix$name" >&2
  done
  rolled_out scheduler-api scheduler-worker grpc-gateway
  wait "$loader" || die "jobs were lost in a rolling restart: see $out/restart"
  touch "$stop"
  wait "$caller" || die 'a call that carried an idempotency key failed in a rolling restart'
  say 'everything restarted under load; every job accounted for'
}

step_uninstall() {
  local claims before
  before=$(k get persistentvolumeclaims --output name | wc -l)
  h uninstall "$release" --wait --timeout 6m >&2
  claims=$(k get persistentvolumeclaims --output name)
  say "volumes that outlive the release: ${claims:-none}"
  (($(grep -c . <<<"$claims" || true) == before)) || die 'the uninstallation took volumes with it'
  [[ -n ${KEEP-} ]] || k delete namespace "$namespace" --wait=false >&2
}

# --- what is left behind on a failure -----------------------------------------------------------------

collect() { # STEP
  local to=$out/failed-$1 pod container port
  mkdir -p "$to"
  say "collecting what the cluster knows in $to"
  k get all,persistentvolumeclaims,configmaps,networkpolicies,horizontalpodautoscalers,poddisruptionbudgets \
    --output wide >"$to/objects.txt" 2>&1 || true
  k describe pods,jobs,horizontalpodautoscalers,deployments,statefulsets >"$to/described.txt" 2>&1 || true
  k get events --sort-by .lastTimestamp >"$to/events.txt" 2>&1 || true
  "${kubectl[@]}" top pods --namespace "$namespace" --containers >"$to/top.txt" 2>&1 || true
  h get manifest "$release" >"$to/manifest.yaml" 2>&1 || true
  h history "$release" >"$to/history.txt" 2>&1 || true
  for pod in $(k get pods --output 'jsonpath={.items[*].metadata.name}' 2>/dev/null); do
    for container in $(k get pod "$pod" \
      --output 'jsonpath={.spec.initContainers[*].name} {.spec.containers[*].name}' 2>/dev/null); do
      k logs "$pod" --container "$container" >"$to/$pod.$container.log" 2>&1 || true
      k logs "$pod" --container "$container" --previous >"$to/$pod.$container.previous.log" 2>/dev/null ||
        rm -f "$to/$pod.$container.previous.log"
    done
    # Metrics of ours and Envoy's statistics, through the API server, so that nothing has to be forwarded.
    port=$(k get pod "$pod" --output 'jsonpath={.spec.containers[*].ports[?(@.name=="metrics")].containerPort}' 2>/dev/null) || true
    [[ -n $port ]] || continue
    for page in metrics stats/prometheus; do
      "${kubectl[@]}" get --raw "/api/v1/namespaces/$namespace/pods/$pod:${port%% *}/proxy/$page" \
        >"$to/$pod.${page%%/*}.txt" 2>/dev/null || rm -f "$to/$pod.${page%%/*}.txt"
    done
  done
  k get pods --output wide >&2 || true
  k get events --sort-by .lastTimestamp 2>/dev/null | tail -n 20 >&2 || true
}

# --- command line -------------------------------------------------------------------------------------

usage() {
  sed -n '2,/^set /{/^set /d; s/^# \{0,1\}//p}' "$root/ci/e2e.sh" >&2
  exit 2
}

values=()
only=()
skipped=' '
while [[ $# -gt 0 ]]; do
  case $1 in
    --values | -f) values+=(--values "${2-}") && shift ;;
    --set) values+=(--set "${2-}") && shift ;;
    --only) only+=("${2-}") && shift ;;
    --skip) skipped+="${2-} " && shift ;;
    --list)
      printf '%s\n' "${all_steps[@]}"
      exit
      ;;
    *) usage ;;
  esac
  shift || usage
done
((${#only[@]})) || only=("${all_steps[@]}")
((${#values[@]})) || values=(--values values/ci.yaml)
have jq || die 'jq is missing: run ci/install.sh'

for name in "${only[@]}"; do
  [[ $(type -t "step_$name") == function ]] || die "no such step: $name (they are: ${all_steps[*]})"
  [[ $skipped != *" $name "* ]] || continue
  step "e2e: $name"
  # In the background, because `set -e` sleeps in a command whose status is tested.
  status=0
  # What a step that failed has left running goes with it.
  (trap - INT && trap 'jobs -p | xargs -r kill 2>/dev/null || true' EXIT && "step_$name") &
  wait $! || status=$?
  if ((status != 0)); then
    collect "$name"
    die "failed: $name"
  fi
done
step 'e2e: done'

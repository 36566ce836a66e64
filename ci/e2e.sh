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
#   HPA_RATE         where the load that is to move the HPA begins; it doubles twice a minute [500]
#   HPA_BACK         longest that it may take to scale back in, seconds [600]
#   SPREAD           `pinned`: `spread` expects one pod to answer all calls [even]
#   KEEP             when set, `uninstall` leaves volumes and namespace
#
# Messages go to the error stream. On the standard output there is a line for each step, and at the end
# their sum, in the form that cargo has for tests: ci/test.sh adds both up.
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

all_steps=(install helm_test submit spread scale hpa zero kill upgrade scale_in restart uninstall)

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
  # A busy machine may take longer than the ten seconds that people would wait.
  net "$program" --address "http://$gateway" --timeout 60s "$@"
}

# background COMMAND…: in a process group of its own, so that whatever it starts can be ended with it. $! is
# the group.
background() {
  set -m
  "$@" &
  set +m
}

end_background() {
  local group
  for group in $(jobs -p); do kill -- "-$group" 2>/dev/null || true; done
}

# load_begin NAME ARGUMENT…: offers jobs until load_end, or until they are over by themselves.
loader=
load_begin() {
  local to=$out/$1
  shift
  rm -rf "$to"
  mkdir -p "$to"
  background tsctl load --mode e2e --out "$to" "$@" >"$to/load.log" 2>&1
  loader=$!
  eventually 60 "jobs are offered: see $to/load.log" offered "$to"
}
offered() { [[ -s $1/timeseries.csv ]] && (($(wc -l <"$1/timeseries.csv") > 3)); } # a line a second

# load_end NAME [CONDITION]: no more is sent; what was acknowledged has to have been run, by the summary.
load_end() {
  kill -INT -- "-$loader" 2>/dev/null || true
  load_over "$@"
}

# load_over NAME [CONDITION]: the same, of a load that comes to its end by itself.
load_over() {
  local summary=$out/$1/summary.json
  # It ends with another status when it is interrupted than when it is over: the summary says more.
  wait "$loader" || true
  [[ -s $summary ]] || die "the load ended without a summary: see $out/$1/load.log"
  say "load: $(jq --compact-output '.ledger' "$summary")"
  jq --exit-status ".ledger | .lost == 0 and .duplicated == 0 and .open == 0 and .failed == 0 and .dead == 0
    and .succeeded > 0 and (${2-true})" "$summary" >/dev/null || die "not every job was run as it should: see $out/$1"
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
ready() { # DEPLOYMENT COUNT: exactly so many, and all of them ready
  [[ $(k get deployment "$prefix$1" --output json |
    jq --raw-output '"\(.status.replicas // 0)/\(.status.readyReplicas // 0)"') == "$2/$2" ]]
}
pods_of() { # COMPONENT: as JSON, those that are not on their way out
  k get pods --selector "app.kubernetes.io/instance=$release,app.kubernetes.io/component=$1" --output json |
    jq '[.items[] | select(.metadata.deletionTimestamp == null)]'
}
# A page of a pod's, through the API server, so that nothing has to be forwarded.
metrics_of() { # POD PORT PAGE
  "${kubectl[@]}" get --raw "/api/v1/namespaces/$namespace/pods/$1:$2/proxy/$3"
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

upgrade() { h upgrade "$release" chart "${values[@]}" "$@" >&2; }

# size COMPONENT COUNT: exactly so many pods. Where there is an autoscaler, it is told: what is scaled by hand
# it would take back at its next look.
size() {
  local part=${1#scheduler-}
  if [[ -n $(fewest "$1") ]]; then
    upgrade --set "$part.autoscaling.minReplicas=$2" --set "$part.autoscaling.maxReplicas=$2"
  else
    k scale deployment "$prefix$1" --replicas="$2" >&2
  fi
  eventually 120 "there are $2 pods of $1, all ready" ready "$1" "$2"
}

# as_before COMPONENT COUNT: undoes `size`.
as_before() {
  if [[ -n $(fewest "$1") ]]; then upgrade; else k scale deployment "$prefix$1" --replicas="$2" >&2; fi
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

# Calls of CancelJob that each API pod has answered so far: `POD COUNT` lines.
answered() {
  local pod
  for pod in $(pods_of api | jq --raw-output '.[].metadata.name'); do
    metrics_of "$pod" 2112 metrics |
      awk -v pod="$pod" '/^grpc_requests_total\{.*CancelJob"/ { calls += $NF } END { print pod, calls + 0 }'
  done
}

step_spread() {
  local pods try
  # What is measured is the spread over these pods: where an autoscaler was at work meanwhile, it says nothing.
  for ((try = 0; try < 3; try++)); do
    pods=$(replicas scheduler-api)
    eventually 120 "the $pods API pods are ready" ready scheduler-api "$pods"
    # The gateway asks DNS for the pods every few seconds; of a Service's address it knows no pod.
    [[ ${SPREAD:-even} == pinned ]] || eventually 60 'the gateway knows them' known_pods "$pods"
    spread "$pods"
    [[ $(replicas scheduler-api) != "$pods" ]] || break
    say 'an autoscaler was at work, once more'
  done
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

# Which pods answered a hundred calls for each, all on one connection: to spread.txt.
spread() { # PODS
  local ids before after
  mapfile -t ids < <(tsctl jobs submit noop --delay 1h --count $((100 * $1)) --output name)
  mkdir -p "$out"
  before=$(answered | sort)
  # One process of the client, which has one connection, and a call for each job.
  tsctl jobs cancel "${ids[@]}" --output name >/dev/null
  after=$(answered | sort)
  join <(echo "$before") <(echo "$after") | awk '{ print $1, $3 - $2 }' | tee "$out/spread.txt" >&2
}

# Whether every gateway pod has so many healthy API pods at least, by its own figures.
known_pods() { # COUNT
  local pod
  for pod in $(pods_of gateway | jq --raw-output '.[].metadata.name'); do
    metrics_of "$pod" 9902 stats/prometheus |
      awk -v least="$1" '/^envoy_cluster_membership_healthy\{.*"api"/ { n = $2 } END { exit !(n >= least) }' || return 1
  done
}

step_scale() {
  local before
  before=$(replicas scheduler-api)
  size scheduler-api 4
  (step_spread)
  as_before scheduler-api "$before"
}

step_hpa() {
  local least began watcher from=${HPA_RATE:-500} stages=() round
  least=$(fewest scheduler-worker)
  if [[ -z $least ]]; then
    say 'SKIPPED: e2e: hpa: no autoscaler for the workers'
    return
  fi
  # Without a pod there is nothing to measure.
  ((least == 0)) || eventually 180 'the autoscaler has a measurement' measured
  eventually "${HPA_BACK:-600}" "the workers are at their least, $least" ready scheduler-worker "$least"
  # What it takes depends on the machine: twice the load every half minute, for four minutes.
  stages=(--stage "0s:$from")
  for ((round = 1; round <= 8; round++)); do stages+=(--stage "30s:$((from << round))"); done
  mkdir -p "$out/hpa"
  background k get horizontalpodautoscaler --watch >"$out/hpa-watch.txt" 2>&1
  watcher=$!
  began=$SECONDS
  load_begin hpa "${stages[@]}"
  eventually 270 'the autoscaler adds a worker' more_workers "$least"
  say "scaled out from $least to $(replicas scheduler-worker) after $((SECONDS - began)) s of load"
  load_end hpa
  began=$SECONDS
  eventually "${HPA_BACK:-600}" "the workers are back at $least" ready scheduler-worker "$least"
  say "scaled in to $least again $((SECONDS - began)) s after the load"
  kill -- "-$watcher" 2>/dev/null || true
  k get events --field-selector reason=SuccessfulRescale --sort-by .lastTimestamp | tee "$out/hpa-events.txt" >&2
  cat "$out/hpa-watch.txt" >&2
}
more_workers() { (($(replicas scheduler-worker) > $1)); }

# Down to none and back, where KEDA asks the API (values/scale-to-zero.yaml).
step_zero() {
  local began id waited
  if [[ $(fewest scheduler-worker) != 0 ]]; then
    say 'SKIPPED: e2e: zero: the workers are never scaled to none'
    return
  fi
  eventually "${HPA_BACK:-600}" 'there is no worker without work' ready scheduler-worker 0
  id=$(tsctl jobs submit noop --output name)
  tsctl jobs watch "$id" >&2
  waited=$(tsctl jobs get "$id" --output json |
    jq '[.created_at, .started_at] | map(sub("\\.[0-9]+"; "") | fromdate) | .[1] - .[0]')
  say "the first job woke a worker and started after $waited s"
  ((waited <= 10)) || die 'that is more than 10 s'
  eventually "${HPA_BACK:-600}" 'the worker is gone again' ready scheduler-worker 0
  began=$SECONDS
  load_begin burst --batch 500 --rate 5k --jobs 5k --mix sleep --sleep 200ms
  eventually $((15 - SECONDS + began)) 'the burst scales out within 15 s' more_workers 1
  say "the burst scaled out after $((SECONDS - began)) s"
  load_over burst '.repeated_runs == 0'
  say "drained $((SECONDS - began)) s after it began"
  eventually "${HPA_BACK:-600}" 'all workers are gone again' ready scheduler-worker 0
  without_a_signal
  k get events --field-selector involvedObject.kind=ScaledObject --sort-by .lastTimestamp >&2
}

# With a job that runs: Redis away, and KEDA does what its fallback says; the API away, and nobody is taken away.
without_a_signal() {
  local id fallback before cooldown second waits
  fallback=$(k get scaledobject "${prefix}scheduler-worker" --output 'jsonpath={.spec.fallback.replicas}')
  cooldown=$(k get scaledobject "${prefix}scheduler-worker" --output 'jsonpath={.spec.cooldownPeriod}')
  id=$(tsctl jobs submit sleep --payload "{\"ms\": $((cooldown * 4000))}" --attempt-timeout 1h --output name)
  eventually 60 'a worker runs it' runs "$id"
  if k get statefulset "${prefix}redis" >/dev/null 2>&1; then
    k scale statefulset "${prefix}redis" --replicas=0 >&2
    eventually 180 "without Redis there are $fallback workers" workers_are "$fallback"
    # What it takes to accept a job is the database.
    waits=$(tsctl jobs submit noop --output name) || die 'without Redis no job is accepted'
    k scale statefulset "${prefix}redis" --replicas=1 >&2
    k rollout status statefulset "${prefix}redis" --timeout 120s >&2
    tsctl jobs watch "$waits" >&2 || die "not succeeded: $waits"
  fi
  before=$(replicas scheduler-api)
  # Without pods an autoscaler of the API rests as well.
  k scale deployment "${prefix}scheduler-api" --replicas=0 >&2
  for ((second = 0; second < cooldown + 30; second += 5)); do
    sleep 5
    (($(replicas scheduler-worker) > 0)) || die "without the API the workers were scaled to none after $second s"
  done
  say "without the API the workers stayed for $second s"
  k scale deployment "${prefix}scheduler-api" --replicas="$before" >&2
  eventually 120 'the API is back' ready scheduler-api "$before"
  # The gateway asks DNS for the pods every few seconds.
  eventually 60 'the gateway knows it' known_pods 1
  tsctl jobs watch "$id" >&2 || die "not succeeded: $id"
}
workers_are() { (($(replicas scheduler-worker) == $1)); }

replaced() { # COMPONENT UID: another pod is there in place of that one, and all are ready
  pods_of "$1" | jq --exit-status --arg gone "$2" 'length > 0 and all(.metadata.uid != $gone
    and any(.status.conditions[]?; .type == "Ready" and .status == "True"))' >/dev/null
}

# A pod of a component, forced: no signal, no farewell, as when its machine is gone.
kill_one() { # COMPONENT
  local pod uid
  read -r pod uid < <(pods_of "$1" | jq --raw-output '.[].metadata | "\(.name) \(.uid)"' | shuf -n 1) ||
    die "no pod of $1 runs"
  k delete pod "$pod" --grace-period=0 --force >&2
  eventually 120 "the pods of $1 are complete again" replaced "$1" "$uid"
}

step_kill() {
  local part parts=(worker api)
  [[ $(pods_of redis) == '[]' ]] || parts+=(redis)
  # A single database has no other that could take over; that is an outage, and not tried here.
  ! k get statefulset "${prefix}cockroachdb-cluster" >/dev/null 2>&1 || parts+=(cockroachdb)
  load_begin kill --rate "$rate" --duration 10m
  for part in "${parts[@]}"; do kill_one "$part"; done
  load_end kill
  say "killed ${parts[*]}; every job accounted for"
  crash_counts_once
}

# A worker's pod is killed under a long job: it runs again elsewhere, and what it costs is a crash, not an attempt.
crash_counts_once() {
  local id worker pod
  id=$(tsctl jobs submit sleep --payload '{"ms": 15000}' --output name)
  eventually 60 'the job runs' runs "$id"
  worker=$(tsctl jobs get "$id" --output json | jq --raw-output .worker_id)
  for pod in $(pods_of worker | jq --raw-output '.[].metadata.name'); do
    [[ $worker != "$pod"* ]] || k delete pod "$pod" --grace-period=0 --force >&2
  done
  tsctl jobs watch "$id" >&2 || die "not succeeded: $id"
  tsctl jobs get "$id" --output json | tee "$out/crash.json" |
    jq --exit-status '.attempts == 1 and .crashes == 1' >/dev/null || die "it was charged otherwise: see $out/crash.json"
  say 'a job whose worker was killed ran again: one crash, one attempt'
}
runs() { [[ $(tsctl jobs get "$1" --output json | jq --raw-output .state) == RUNNING ]]; }

step_upgrade() {
  local stamp owners watcher seen
  if [[ -z $(fewest scheduler-worker) ]]; then
    say 'SKIPPED: e2e: upgrade: without an autoscaler the values say how many pods there are'
    return
  fi
  size scheduler-worker 5
  mkdir -p "$out"
  background k get deployment "${prefix}scheduler-worker" --watch \
    --output 'jsonpath={.spec.replicas}{"\n"}' >"$out/upgrade-replicas.txt"
  watcher=$!
  load_begin upgrade --rate "$rate" --duration 10m
  stamp=$(date +%s)
  upgrade --set worker.autoscaling.minReplicas=5 --set worker.autoscaling.maxReplicas=5 \
    --set-string "worker.podAnnotations.e2e=$stamp"
  rolled_out scheduler-worker
  load_end upgrade
  kill -- "-$watcher" 2>/dev/null || true
  seen=$(sort -u "$out/upgrade-replicas.txt" | tr '\n' ' ')
  [[ $seen == '5 ' ]] || die "the number of workers changed from 5 during the upgrade: $seen"
  # The reason why it holds: who applied the Deployment does not own this field of it.
  owners=$(k get deployment "${prefix}scheduler-worker" --show-managed-fields --output json |
    jq --raw-output '.metadata.managedFields[] | select(.subresource == null)
      | select(.fieldsV1."f:spec"."f:replicas" != null) | .manager')
  [[ $owners != *helm* ]] || die 'Helm owns spec.replicas of the workers, so every upgrade would reset it'
  as_before scheduler-worker
  say 'upgraded with five workers, which stayed five'
}

# The sleeping jobs that a handler has begun.
sleeping() { tsctl jobs list --type sleep --state running --all --output json | jq length; }
more_sleep() { (($(sleeping) > $1)); }

step_scale_in() {
  local before pool costed ids id pod watcher watchers=() jobs=$out/scale-in.json try
  before=$(replicas scheduler-worker)
  read -r pool costed < <(h get values "$release" --all --output json |
    jq --raw-output '.worker | "\(.poolSize) \(.deletionCost.enabled)"')
  mkdir -p "$out"
  # A slow machine may take so long to scale in that the jobs have ended by then.
  for ((try = 0; try < 3; try++)); do
    rm -f "$out"/scale-in-*.log
    size scheduler-worker 3
    for pod in $(pods_of worker | jq --raw-output '.[].metadata.name'); do
      background k logs "$pod" --follow --tail 0 >"$out/scale-in-$pod.log" 2>&1
      watchers+=("$!")
    done
    mapfile -t ids < <(tsctl jobs submit sleep --payload '{"ms": 20000}' --count $((3 * pool)) --output name)
    # More than two can run, so all three do.
    eventually 60 'every worker runs one of the jobs' more_sleep $((2 * pool))
    size scheduler-worker 2
    for id in "${ids[@]}"; do
      tsctl jobs watch "$id" >/dev/null || die "not succeeded: $id"
      tsctl jobs get "$id" --output json
    done | jq --slurp . >"$jobs"
    for watcher in "${watchers[@]}"; do kill -- "-$watcher" 2>/dev/null || true; done
    jq --exit-status 'all(.state == "SUCCEEDED" and .attempts == 1 and (.crashes // 0) == 0)' "$jobs" >/dev/null ||
      die "a job was charged for the scaling in: see $jobs"
    grep -hE 'worker (drains|stops)' "$out"/scale-in-*.log >&2 || true
    ! grep -qE 'worker drains.*running"?[:=] ?[1-9]' "$out"/scale-in-*.log || break
  done
  ((try < 3)) || die 'the worker never had a job when it went'
  say "${#ids[@]} jobs of 20 s, one of three workers scaled in: all succeeded, each with one attempt"
  [[ $costed != true ]] || idlest_goes
  as_before scheduler-worker "$before"
}

# costs: pod and deletion cost of each worker, a line each, the idlest first.
costs() {
  pods_of worker | jq --raw-output '.[] |
    "\(.metadata.annotations["controller.kubernetes.io/pod-deletion-cost"] // "none") \(.metadata.name)"' | sort -n
}
busy_and_idle() { # three workers have said what they do, and one of them that it is nothing
  local lines
  lines=$(costs)
  [[ $(wc -l <<<"$lines") == 3 && $lines != *none* && $lines == 0\ * && $(tail -n 1 <<<"$lines") != 0\ * ]]
}

# Of three workers with two jobs among them, one that has none is scaled in.
idlest_goes() {
  local ids id before
  size scheduler-worker 3
  mapfile -t ids < <(tsctl jobs submit sleep --payload '{"ms": 25000}' --count 2 --output name)
  eventually 20 'workers say how much they do' busy_and_idle
  before=$(costs)
  size scheduler-worker 2
  for id in "${ids[@]}"; do
    tsctl jobs watch "$id" >/dev/null || die "not succeeded: $id"
    [[ $(tsctl jobs attempts "$id" --output json | jq --slurp 'flatten | length') == 1 ]] || die "begun more than once: $id"
  done
  say "of workers with $(awk '{ printf "%s%s", (NR > 1 ? ", " : ""), $1 }' <<<"$before") jobs, one with none was scaled in"
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
  local caller name stop=$out/stop
  mkdir -p "$out"
  rm -f "$stop"
  load_begin restart --rate "$rate" --duration 10m
  background careful "$stop"
  caller=$!
  for name in scheduler-api scheduler-worker grpc-gateway; do
    k rollout restart "deployment/$prefix$name" >&2
  done
  rolled_out scheduler-api scheduler-worker grpc-gateway
  touch "$stop"
  load_end restart
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
    # Metrics of ours and Envoy's statistics.
    port=$(k get pod "$pod" --output 'jsonpath={.spec.containers[*].ports[?(@.name=="metrics")].containerPort}' 2>/dev/null) || true
    [[ -n $port ]] || continue
    for page in metrics stats/prometheus; do
      metrics_of "$pod" "${port%% *}" "$page" >"$to/$pod.${page%%/*}.txt" 2>/dev/null || rm -f "$to/$pod.${page%%/*}.txt"
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
done
passed=0
for name in "${only[@]}"; do
  [[ $skipped != *" $name "* ]] || continue
  step "e2e: $name"
  began=$SECONDS
  # In the background, because `set -e` sleeps in a command whose status is tested.
  status=0
  # What a step that failed has left running goes with it.
  (trap - INT && trap end_background EXIT && "step_$name") &
  wait $! || status=$?
  if ((status != 0)); then
    printf 'test e2e::%s ... FAILED\n' "$name"
    collect "$name"
    printf 'test result: FAILED. %d passed; 1 failed; finished in %ds\n' "$passed" "$SECONDS"
    die "failed: $name"
  fi
  printf 'test e2e::%s ... ok (%d s)\n' "$name" "$((SECONDS - began))"
  passed=$((passed + 1))
done
printf 'test result: ok. %d passed; 0 failed; finished in %ds\n' "$passed" "$SECONDS"

{{/*
Who says how many pods there are. Exactly one: an HPA, KEDA (which makes an HPA of its own), or nobody, in
which case `replicas` and `kubectl scale` do. With an autoscaler, `replicas` is never rendered: an upgrade
would set it back.
*/}}

{{/* dict root, component, values: the HorizontalPodAutoscaler or ScaledObject, or nothing. */}}
{{- define "task-scheduler.autoscaler" -}}
{{- $auto := .values.autoscaling -}}
{{- $name := include "task-scheduler.name" . -}}
{{- if eq $auto.kind "hpa" }}
{{- $hpa := $auto.hpa -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{- include "task-scheduler.metadata" . | nindent 2 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $name }}}
  minReplicas: {{ $auto.minReplicas }}
  maxReplicas: {{ $auto.maxReplicas }}
  metrics: {{- include "task-scheduler.hpaMetrics" . | trim | nindent 4 }}
  behavior: {{- include "task-scheduler.hpaBehavior" $hpa | trim | nindent 4 }}
{{- else if eq $auto.kind "keda" }}
{{- $keda := $auto.keda -}}
{{- $sum := include "task-scheduler.redisBacklog" . | fromYaml -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{- include "task-scheduler.metadata" . | nindent 2 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $name }}}
  pollingInterval: {{ $keda.pollingInterval }}
  # Only from the last pod to none; from many to few is the business of `behavior`.
  cooldownPeriod: {{ $keda.cooldownPeriod }}
  minReplicaCount: {{ $auto.minReplicas }}
  maxReplicaCount: {{ $auto.maxReplicas }}
  {{- with $keda.fallback }}
  # While the metrics cannot be read.
  fallback: {{- toYaml . | nindent 4 }}
  {{- end }}
  advanced:
    restoreToOriginalReplicaCount: false
    horizontalPodAutoscalerConfig:
      behavior: {{- include "task-scheduler.hpaBehavior" $auto.hpa | trim | nindent 8 }}
    {{- if $sum.triggers }}
    # Several triggers would each ask for pods and the largest would win; what counts is the sum.
    scalingModifiers:
      formula: {{ $sum.formula | quote }}
      target: {{ $keda.redisBacklog.jobsPerReplica | quote }}
      activationTarget: "0"
      metricType: AverageValue
    {{- else if $keda.scalingModifiers }}
    scalingModifiers: {{- toYaml $keda.scalingModifiers | nindent 6 }}
    {{- end }}
  triggers:
    {{- with $sum.triggers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with include "task-scheduler.scalerTrigger" . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $keda.triggers }}
    {{- tpl (toYaml .) $.root | nindent 4 }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* The list of metrics: the plain targets first, then whatever else was given. */}}
{{- define "task-scheduler.hpaMetrics" -}}
{{- $hpa := .values.autoscaling.hpa -}}
{{- range $resource, $target := dict "cpu" $hpa.targetCPU "memory" $hpa.targetMemory }}
{{- if $target }}
# Of this container alone: what is injected beside it does not count.
- type: ContainerResource
  containerResource:
    name: {{ $resource }}
    container: {{ $.component }}
    target: {type: Utilization, averageUtilization: {{ $target }}}
{{- end }}
{{- end }}
{{- with $hpa.metrics }}
{{ tpl (toYaml .) $.root }}
{{- end }}
{{- end -}}

{{/* behavior, with the tolerance in the direction that it is for. */}}
{{- define "task-scheduler.hpaBehavior" -}}
{{- $behavior := deepCopy .behavior -}}
{{- range $direction, $value := .tolerance }}
{{- if $value }}
{{- $_ := set $behavior $direction (merge (dict "tolerance" $value) (get $behavior $direction | default dict)) }}
{{- end }}
{{- end }}
{{- toYaml $behavior -}}
{{- end -}}

{{/* Whether the API answers KEDA: "true" or nothing. */}}
{{- define "task-scheduler.scaler" -}}
{{- $auto := .Values.worker.autoscaling -}}
{{- if and (eq $auto.kind "keda") $auto.keda.scaler.enabled }}true{{ end -}}
{{- end -}}

{{/* KEDA's trigger that asks the API, which also tells KEDA by itself when there is something to do. */}}
{{- define "task-scheduler.scalerTrigger" -}}
{{- $scaler := .values.autoscaling.keda.scaler | default dict -}}
{{- if $scaler.enabled -}}
{{- $queues := $scaler.queues | default (ternary list .values.queues (has "*" .values.queues)) -}}
- type: external-push
  # The oldest job's age is not for the workers to share.
  metricType: {{ ternary "Value" "AverageValue" (eq $scaler.metric "oldest_age") }}
  metadata:
    scalerAddress: {{ printf "%s.%s.svc.%s:8082" (include "task-scheduler.name" (dict "root" .root "component" "scheduler-scaler")) .root.Release.Namespace .root.Values.clusterDomain }}
    metric: {{ $scaler.metric }}
    {{- if $scaler.targetValue }}
    targetValue: {{ toString $scaler.targetValue | quote }}
    {{- end }}
    {{- with $queues }}
    queue: {{ join "," . | quote }}
    {{- end }}
    {{- with $scaler.priorities }}
    priority: {{ join "," . | quote }}
    {{- end }}
    {{- with $scaler.types }}
    type: {{ join "," . | quote }}
    {{- end }}
    drainSeconds: {{ $scaler.drainSeconds | quote }}
    poolSize: {{ .values.poolSize | quote }}
    runSeconds: {{ toString $scaler.runSeconds | quote }}
    activation: {{ int64 $scaler.activation | quote }}
{{- end }}
{{- end -}}

{{/*
KEDA's redis triggers for the jobs that are ready or leased, and the formula that adds them up: a queue is
eight shards times four priorities, each a sorted set, and leases are a hash in each shard. Leases count,
or workers that are busy with the last jobs would be taken away.
*/}}
{{- define "task-scheduler.redisBacklog" -}}
{{- $backlog := .values.autoscaling.keda.redisBacklog -}}
{{- if $backlog.enabled -}}
{{- $redis := .root.Values.redis -}}
{{- $own := ne $redis.mode "external" -}}
{{- $sentinels := include "task-scheduler.redis.sentinels" .root -}}
{{- $address := printf "%s.%s.svc.%s:6379" (include "task-scheduler.redis.name" .root) .root.Release.Namespace .root.Values.clusterDomain -}}
{{- if not $own }}{{ $address = printf "%s:%v" $redis.external.host $redis.external.port }}{{ end -}}
{{- $names := list -}}
triggers:
{{- range $shard := until 8 }}
{{- $keys := list (printf "%s{%d}:leases" $redis.keyPrefix $shard) }}
{{- range $queue := $backlog.queues }}
{{- range $priority := list 1 2 3 4 }}
{{- $keys = append $keys (printf "%s{%d}:ready:%s:%d" $redis.keyPrefix $shard $queue $priority) }}
{{- end }}
{{- end }}
{{- range $index, $key := $keys }}
{{- $name := printf "s%dk%d" $shard $index }}
{{- $names = append $names $name }}
  - type: redis{{ if $sentinels }}-sentinel{{ end }}
    name: {{ $name }}
    metadata:
      {{- if $sentinels }}
      addresses: {{ $sentinels | quote }}
      sentinelMaster: {{ include "task-scheduler.redis.sentinelMaster" $.root | quote }}
      {{- if include "task-scheduler.redis.sentinelPassword" $.root }}
      sentinelPasswordFromEnv: SCHEDULER__REDIS__SENTINEL_PASSWORD
      {{- end }}
      {{- else }}
      address: {{ $address | quote }}
      {{- end }}
      listName: {{ $key | quote }}
      listLength: {{ $backlog.jobsPerReplica | quote }}
      {{- if not $own }}
      databaseIndex: {{ $redis.external.db | quote }}
      {{- end }}
      {{- if or (and $own $redis.auth.existingSecret) (and (not $own) $redis.external.existingSecret) }}
      # Read from the workers' own environment.
      passwordFromEnv: SCHEDULER__REDIS__PASSWORD
      {{- end }}
{{- end }}
{{- end }}
formula: {{ join " + " $names | quote }}
{{- end -}}
{{- end -}}

{{/* The PodDisruptionBudget of a component without state, or nothing. */}}
{{- define "task-scheduler.pdb" -}}
{{- if .values.pdb.enabled -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "task-scheduler.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .values.pdb.maxUnavailable }}
  # A pod that is not ready serves nobody, so it may go: else a broken version could keep nodes from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "task-scheduler.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end -}}

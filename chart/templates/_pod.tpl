{{/* What the pods of API, workers, gateway, migration and tests have in common. */}}

{{/*
dict root, component, values: of the pod's spec, all but containers and volumes. `values` has nodeSelector,
tolerations, affinity, topologySpread and priorityClassName, each of which may be missing. `account` stands in
for our ServiceAccount, for a hook that runs before there is one.
*/}}
{{- define "task-scheduler.podCommon" -}}
{{- $root := .root -}}
{{- $values := .values -}}
serviceAccountName: {{ .account | default (include "task-scheduler.serviceAccountName" $root) }}
# No token: the one component that speaks to Kubernetes, if told to, mounts its own.
automountServiceAccountToken: false
# Variables such as REDIS_PORT=tcp://… would be taken for settings.
enableServiceLinks: false
securityContext: {{- include "task-scheduler.podSecurityContext" $root | nindent 2 }}
{{- with $root.Values.global.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpread }}
topologySpreadConstraints:
  {{- range . }}
  - {{ toYaml . | nindent 4 | trim }}
    labelSelector:
      matchLabels: {{- include "task-scheduler.selectorLabels" (dict "root" $root "component" $.component) | nindent 8 }}
    # Of the same version: pods that are on their way out do not count in a rolling update.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end -}}

{{/* dict root, component, values: labels and annotations of a Deployment's pods. .checksum: what a change of rolls them. */}}
{{- define "task-scheduler.podMetadata" -}}
labels:
  {{- include "task-scheduler.labels" . | nindent 2 }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  # A ConfigMap that changes restarts nobody; this does.
  checksum/config: {{ .checksum | sha256sum | trunc 16 | quote }}
  {{- with .values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* dict root, image: how a container is run. */}}
{{- define "task-scheduler.containerCommon" -}}
image: {{ include "task-scheduler.image" . }}
imagePullPolicy: {{ .image.pullPolicy }}
securityContext: {{- include "task-scheduler.containerSecurityContext" .root | nindent 2 }}
{{- end -}}

{{/*
Three probes by HTTP. /health asks nobody else, so that a database that is down gets no pod restarted;
/ready asks database and Redis. The start-up probe is as patient as the database may take.
*/}}
{{- define "task-scheduler.probes" -}}
startupProbe:
  httpGet: {path: /health, port: metrics}
  periodSeconds: {{ .startup.periodSeconds }}
  timeoutSeconds: {{ .startup.timeoutSeconds }}
  failureThreshold: {{ .startup.failureThreshold }}
readinessProbe:
  httpGet: {path: /ready, port: metrics}
  periodSeconds: {{ .readiness.periodSeconds }}
  timeoutSeconds: {{ .readiness.timeoutSeconds }}
  failureThreshold: {{ .readiness.failureThreshold }}
livenessProbe:
  httpGet: {path: /health, port: metrics}
  periodSeconds: {{ .liveness.periodSeconds }}
  timeoutSeconds: {{ .liveness.timeoutSeconds }}
  failureThreshold: {{ .liveness.failureThreshold }}
{{- end -}}

{{/* ---- the programs' settings ----------------------------------------------------------------- */}}

{{/* `config` as the TOML file that the programs read first. JSON's scalars and lists are TOML's as well. */}}
{{- define "task-scheduler.config" -}}
{{- range $section, $fields := .Values.config }}
{{- $tables := dict }}
[{{ $section }}]
{{- range $name, $value := $fields }}
{{- if kindIs "map" $value }}
{{- $_ := set $tables $name $value }}
{{- else }}
{{ $name }} = {{ toRawJson $value }}
{{- end }}
{{- end }}
{{- range $table, $inner := $tables }}
{{- $deeper := dict }}
[{{ $section }}.{{ $table }}]
{{- range $name, $value := $inner }}
{{- if kindIs "map" $value }}
{{- $_ := set $deeper $name $value }}
{{- else }}
{{ $name }} = {{ toRawJson $value }}
{{- end }}
{{- end }}
{{- range $name, $entries := $deeper }}
[{{ $section }}.{{ $table }}.{{ $name }}]
{{- range $key, $value := $entries }}
{{ $key | quote }} = {{ toRawJson $value }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Environment of API and workers: the layer above the file, so it is not for `config` to change. */}}
{{- define "task-scheduler.env" -}}
# What the pod is called in logs, traces, leases and x-served-by.
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- {name: SCHEDULER_CONFIG, value: /etc/scheduler/config/config.toml}
# The migration is a Job's; pods wait for it.
- {name: SCHEDULER__DATABASE__MIGRATE_ON_START, value: "false"}
{{ include "task-scheduler.database.env" . }}
{{ include "task-scheduler.redis.env" . | trim }}
{{- end -}}

{{- define "task-scheduler.volumes" -}}
- {name: tmp, emptyDir: {}}
- name: config
  configMap: {name: {{ include "task-scheduler.name" (dict "root" . "component" "scheduler-config") }}}
{{- with include "task-scheduler.database.volumes" . }}
{{ . }}
{{- end }}
{{- end -}}

{{- define "task-scheduler.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: config, mountPath: /etc/scheduler/config, readOnly: true}
{{- with include "task-scheduler.database.volumeMounts" . }}
{{ . }}
{{- end }}
{{- end -}}

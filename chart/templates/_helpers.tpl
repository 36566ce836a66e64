{{/* Names, labels and images: what every template of the chart uses. */}}

{{/* ---- names ---------------------------------------------------------------------------------- */}}

{{/* What the installation is called: by default as the release. */}}
{{- define "task-scheduler.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name -}}
{{- end -}}

{{/*
The name of a component's objects. An installation called task-scheduler has the names of the deployment
guide (scheduler-api, grpc-gateway, redis); any other has its own in front of them, so that several get
along in one namespace.
*/}}
{{- define "task-scheduler.name" -}}
{{- $full := include "task-scheduler.fullname" .root -}}
{{- if ne $full "task-scheduler" }}{{ $full }}-{{ end -}}
{{- include "task-scheduler.app" .component -}}
{{- end -}}

{{/* What the guide calls a component, which is also the label `app`. */}}
{{- define "task-scheduler.app" -}}
{{- get (dict "api" "scheduler-api" "worker" "scheduler-worker" "gateway" "grpc-gateway") . | default . -}}
{{- end -}}

{{/* ---- labels --------------------------------------------------------------------------------- */}}

{{/*
What selects the pods of a component. Never changes: a Deployment's selector cannot. The component is
among it, because two autoscalers whose pods' labels overlap scale neither.
*/}}
{{- define "task-scheduler.selectorLabels" -}}
app: {{ include "task-scheduler.app" .component }}
app.kubernetes.io/name: {{ .root.Values.nameOverride | default .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "task-scheduler.labels" -}}
{{ include "task-scheduler.selectorLabels" . }}
app.kubernetes.io/part-of: task-scheduler
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* metadata of an object of a component: name, namespace, labels. .suffix follows the name. */}}
{{- define "task-scheduler.metadata" -}}
name: {{ include "task-scheduler.name" . }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels: {{- include "task-scheduler.labels" . | nindent 2 }}
{{- end -}}

{{/* ---- images --------------------------------------------------------------------------------- */}}

{{/* registry/repository:tag, or @digest when there is one. Without a tag, the version of the chart's application. */}}
{{- define "task-scheduler.image" -}}
{{- with .root.Values.global.imageRegistry | default .image.registry }}{{ . }}/{{ end -}}
{{- .image.repository -}}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* ---- settings that are the same for all ------------------------------------------------------ */}}

{{- define "task-scheduler.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "task-scheduler.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* The account of the workers' pods: their own where they speak to Kubernetes; empty for that of all pods. */}}
{{- define "task-scheduler.worker.account" -}}
{{- if .Values.worker.deletionCost.enabled -}}
{{- include "task-scheduler.name" (dict "root" . "component" "worker") -}}
{{- end -}}
{{- end -}}

{{- define "task-scheduler.podSecurityContext" -}}
{{- toYaml .Values.podSecurityContext -}}
{{- end -}}

{{- define "task-scheduler.containerSecurityContext" -}}
{{- toYaml .Values.containerSecurityContext -}}
{{- end -}}

{{/* Whether the cluster knows a kind (group/version/Kind): "true" or nothing. `assumeCrds` says yes to all. */}}
{{- define "task-scheduler.knows" -}}
{{- if or .root.Values.assumeCrds (.root.Capabilities.APIVersions.Has .kind) }}true{{ end -}}
{{- end -}}

{{/* ---- numbers that are derived --------------------------------------------------------------- */}}

{{/*
terminationGracePeriodSeconds of API or workers. They are gone five seconds after `shutdownSeconds` at the
latest; the rest is for the kubelet.
*/}}
{{- define "task-scheduler.terminationGrace" -}}
{{- add (int .shutdownSeconds) 10 -}}
{{- end -}}

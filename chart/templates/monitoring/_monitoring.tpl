{{/* What the monitoring values ask of the cluster and it lacks. */}}
{{- define "task-scheduler.validate.monitoring" -}}
{{- $monitoring := .Values.monitoring -}}
{{- if not .Values.assumeCrds -}}
{{- range $value, $kind := dict "podMonitor" "PodMonitor" "serviceMonitor" "ServiceMonitor" "rules" "PrometheusRule" }}
{{- if and (get $monitoring $value).enabled (not ($.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" $kind))) }}
monitoring.{{ $value }}.enabled needs the kind {{ $kind }} of the Prometheus operator, which this cluster lacks: install the operator, or set it to false. (Rendering without a cluster: assumeCrds=true.)
{{- end }}
{{- end }}
{{- end }}
{{- if and $monitoring.serviceMonitor.enabled (eq .Values.cockroachdb.mode "external") }}
monitoring.serviceMonitor.enabled is for our own CockroachDB, but cockroachdb.mode is external: set it to false, and let whoever runs the database watch it.
{{- end }}
{{- end -}}

{{/* What cannot work although the schema lets it pass: one message a line, each with the value and the fix. */}}

{{- define "task-scheduler.validate" -}}
{{- include "task-scheduler.validate.data" . }}
{{- include "task-scheduler.validate.scaling" (dict "root" . "component" "api" "values" .Values.api) }}
{{- include "task-scheduler.validate.scaling" (dict "root" . "component" "worker" "values" .Values.worker) }}
{{- include "task-scheduler.validate.gateway" . }}
{{- include "task-scheduler.validate.config" . }}
{{- /* The longest name, cockroachdb-cluster-decommission-…, has to fit into 63 characters. */}}
{{- if gt (len (include "task-scheduler.fullname" .)) 20 }}
fullnameOverride (or the release's name) {{ include "task-scheduler.fullname" . }} is longer than 20 characters, too long for the names made from it: set fullnameOverride to a shorter one.
{{- end }}
{{- if and .Values.migrations.asHook (include "task-scheduler.cockroachdb.own" .) }}
migrations.asHook would run before this release's own database is there, and wait for ever: set it to false, or cockroachdb.mode to external.
{{- end }}
{{- end -}}

{{- define "task-scheduler.validate.scaling" -}}
{{- $here := .component -}}
{{- $auto := .values.autoscaling -}}
{{- $hpa := $auto.hpa -}}
{{- $keda := $auto.keda -}}
{{- $scaler := $keda.scaler | default dict -}}
{{- $minor := .root.Capabilities.KubeVersion.Minor | regexFind "^[0-9]+" | int -}}
{{- if ge (int .values.drain.graceSeconds) (int .values.drain.shutdownSeconds) }}
{{ $here }}.drain.graceSeconds {{ .values.drain.graceSeconds }} leaves no time until {{ $here }}.drain.shutdownSeconds {{ .values.drain.shutdownSeconds }}: make it smaller.
{{- end }}
{{- if gt (int $auto.minReplicas) (int $auto.maxReplicas) }}
{{ $here }}.autoscaling.minReplicas {{ $auto.minReplicas }} is more than {{ $here }}.autoscaling.maxReplicas {{ $auto.maxReplicas }}: raise the latter.
{{- end }}
{{- if eq $auto.kind "hpa" }}
{{- if not (or $hpa.targetCPU $hpa.targetMemory $hpa.metrics) }}
{{ $here }}.autoscaling.kind is hpa, but nothing is measured: set {{ $here }}.autoscaling.hpa.targetCPU, targetMemory or metrics, or kind to none.
{{- end }}
{{- range $resource, $target := dict "cpu" $hpa.targetCPU "memory" $hpa.targetMemory }}
{{- if and $target (not (dig "requests" $resource "" $.values.resources)) }}
{{ $here }}.autoscaling.hpa measures {{ $resource }} in percent of {{ $here }}.resources.requests.{{ $resource }}, which is not set: set it.
{{- end }}
{{- end }}
{{- if $keda.triggers }}
{{ $here }}.autoscaling.keda.triggers are given, but {{ $here }}.autoscaling.kind is hpa: set kind to keda, or remove them. Two autoscalers would fight.
{{- end }}
{{- if $keda.redisBacklog.enabled }}
{{ $here }}.autoscaling.keda.redisBacklog is on, but {{ $here }}.autoscaling.kind is hpa: set kind to keda, or turn it off. Two autoscalers would fight.
{{- end }}
{{- if $scaler.enabled }}
{{ $here }}.autoscaling.keda.scaler is on, but {{ $here }}.autoscaling.kind is hpa: set kind to keda, or turn it off. Two autoscalers would fight.
{{- end }}
{{- if eq (int $auto.minReplicas) 0 }}
{{- $external := false }}
{{- range $hpa.metrics }}{{ if has .type (list "External" "Object") }}{{ $external = true }}{{ end }}{{ end }}
{{- if or (lt $minor 37) (not $external) }}
{{ $here }}.autoscaling.minReplicas 0 needs kind keda, or with kind hpa Kubernetes 1.37 and an External or Object metric: pods that are not there use no processor. Set it to 1.
{{- end }}
{{- end }}
{{- end }}
{{- if eq $auto.kind "keda" }}
{{- if not (include "task-scheduler.knows" (dict "root" .root "kind" "keda.sh/v1alpha1/ScaledObject")) }}
{{ $here }}.autoscaling.kind keda needs KEDA, which this cluster lacks: install it, or set kind to hpa. (Rendering without a cluster: assumeCrds=true.)
{{- end }}
{{- if not (or $keda.triggers $keda.redisBacklog.enabled $scaler.enabled) }}
{{ $here }}.autoscaling.kind is keda without a trigger: set {{ $here }}.autoscaling.keda.triggers, or redisBacklog.enabled{{ if eq $here "worker" }}, or scaler.enabled{{ end }}.
{{- end }}
{{- if and $scaler.enabled $keda.redisBacklog.enabled }}
{{ $here }}.autoscaling.keda.scaler and redisBacklog both count the queue: turn one off.
{{- end }}
{{- if and $scaler.enabled .root.Values.networkPolicy.enabled (not .root.Values.networkPolicy.keda.from) }}
{{ $here }}.autoscaling.keda.scaler is asked by KEDA, which networkPolicy.enabled keeps out: name KEDA's pods in networkPolicy.keda.from.
{{- end }}
{{- if $hpa.metrics }}
{{ $here }}.autoscaling.hpa.metrics are given, but {{ $here }}.autoscaling.kind is keda: give them as keda.triggers. Two autoscalers would fight.
{{- end }}
{{- if and $keda.redisBacklog.enabled (or $keda.triggers $keda.scalingModifiers) }}
{{ $here }}.autoscaling.keda.redisBacklog has a formula over its own triggers: remove {{ $here }}.autoscaling.keda.triggers and scalingModifiers, or turn it off.
{{- end }}
{{- if and $keda.redisBacklog.enabled (eq .root.Values.redis.mode "external") .root.Values.redis.external.urlKey }}
{{ $here }}.autoscaling.keda.redisBacklog cannot read redis.external.urlKey: give redis.external.host instead, or a trigger of another kind.
{{- end }}
{{- if and (eq (int $auto.minReplicas) 0) (eq $here "api") }}
api.autoscaling.minReplicas 0 would leave nobody to take jobs: set it to 1 or more.
{{- end }}
{{- end }}
{{- if and (or $hpa.tolerance.scaleUp $hpa.tolerance.scaleDown) (lt $minor 35) }}
{{ $here }}.autoscaling.hpa.tolerance needs Kubernetes 1.35, and this is {{ .root.Capabilities.KubeVersion.Version }}: empty scaleUp and scaleDown.
{{- end }}
{{- end -}}

{{- define "task-scheduler.validate.gateway" -}}
{{- $gateway := .Values.gateway -}}
{{- if eq $gateway.mode "envoy" }}
{{- if and (eq $gateway.upstream.discovery "headless") (le (int .Values.api.drain.graceSeconds) (int $gateway.upstream.dnsRefreshSeconds)) }}
api.drain.graceSeconds {{ .Values.api.drain.graceSeconds }} is over before the gateway looks at DNS again (gateway.upstream.dnsRefreshSeconds {{ $gateway.upstream.dnsRefreshSeconds }}): make it longer.
{{- end }}
{{- if and $gateway.tls.enabled (not $gateway.tls.existingSecret) }}
gateway.tls.enabled needs a certificate: name the Secret with tls.crt and tls.key in gateway.tls.existingSecret.
{{- end }}
{{- if and $gateway.tls.clientCASecret (not $gateway.tls.enabled) }}
gateway.tls.clientCASecret asks for certificates of clients, which takes encryption: set gateway.tls.enabled.
{{- end }}
{{- if $gateway.jwt.enabled }}
{{- if not $gateway.jwt.issuer }}
gateway.jwt.enabled needs gateway.jwt.issuer: whose tokens are good?
{{- end }}
{{- if eq (empty $gateway.jwt.jwksUri) (empty $gateway.jwt.jwksConfigMap) }}
gateway.jwt needs the issuer's keys from one place: set either gateway.jwt.jwksUri or gateway.jwt.jwksConfigMap.
{{- end }}
{{- if not $gateway.tls.enabled }}
gateway.jwt.enabled without gateway.tls.enabled would send tokens in the clear: turn on TLS.
{{- end }}
{{- end }}
{{- if and $gateway.grpcWeb.enabled (not $gateway.grpcWeb.allowOrigins) }}
gateway.grpcWeb.enabled lets no browser in without gateway.grpcWeb.allowOrigins: name the origins, or "*".
{{- end }}
{{- if and $gateway.service.nodePort (eq $gateway.service.type "ClusterIP") (ne (int $gateway.service.nodePort) 30080) }}
gateway.service.nodePort {{ $gateway.service.nodePort }} has no effect with gateway.service.type ClusterIP: set type to NodePort, or nodePort to 0.
{{- end }}
{{- if and $gateway.upstream.timeouts.perTry (eq $gateway.upstream.timeouts.perTry $gateway.upstream.timeouts.request) }}
gateway.upstream.timeouts.perTry is as long as gateway.upstream.timeouts.request, which leaves no time for a second try: make it shorter.
{{- end }}
{{- end }}
{{- if eq $gateway.mode "gatewayApi" }}
{{- if not $gateway.gatewayApi.parentRefs }}
gateway.mode is gatewayApi: name the Gateway in gateway.gatewayApi.parentRefs.
{{- end }}
{{- if not (include "task-scheduler.knows" (dict "root" . "kind" "gateway.networking.k8s.io/v1/GRPCRoute")) }}
gateway.mode gatewayApi needs the kind GRPCRoute, which this cluster lacks: install the Gateway API and a gateway, or set gateway.mode to envoy. (Rendering without a cluster: assumeCrds=true.)
{{- end }}
{{- end }}
{{- end -}}

{{/* Settings that have a value of their own, which goes before `config`: to set both would be to wonder why. */}}
{{- define "task-scheduler.validate.config" -}}
{{- $own := dict
  "api.port" "it is 8081" "api.metrics_port" "it is 2112" "api.scaler_port" "set worker.autoscaling.keda.scaler" "worker.metrics_port" "it is 2113"
  "api.drain_grace" "set api.drain.graceSeconds" "api.shutdown_timeout" "set api.drain.shutdownSeconds"
  "worker.drain_grace" "set worker.drain.graceSeconds" "worker.shutdown_timeout" "set worker.drain.shutdownSeconds"
  "worker.pool_size" "set worker.poolSize" "worker.queues" "set worker.queues of the chart"
  "database.migrate_on_start" "the migration is a Job, see migrations" "telemetry.instance" "it is the pod's name"
  "redis.key_prefix" "set redis.keyPrefix of the chart" -}}
{{- range $section, $fields := .Values.config }}
{{- range $field, $_ := $fields }}
{{- $path := printf "%s.%s" $section $field }}
{{- if hasKey $own $path }}
config.{{ $path }} is not for config: {{ get $own $path }}.
{{- else if and (has $section (list "database" "redis")) (has $field (list "url" "host" "port" "user" "username" "password" "database" "db" "sslmode" "ssl_root_cert" "sentinels" "sentinel_master" "sentinel_password")) }}
config.{{ $path }} is not for config: {{ ternary "set cockroachdb.external" "set redis.external" (eq $section "database") }}, with secrets by existingSecret.
{{- else if or (eq $path "api.page_token_secret") (hasSuffix "_file" $field) }}
config.{{ $path }} is a secret, and a ConfigMap is none: set it in {{ $section }}.extraEnv with secretKeyRef.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

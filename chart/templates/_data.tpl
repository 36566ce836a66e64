{{/*
What the database and Redis are called, how containers are told of them, and what of their values
cannot work. Every template that talks to either uses these, so that the modes differ in one place.
*/}}

{{/* ---- sizes ---------------------------------------------------------------------------------- */}}

{{/* A quantity of Kubernetes (512Mi, 2Gi, 1.5G, 1000000) in MiB, rounded down. */}}
{{- define "task-scheduler.mebibytes" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?" $text | float64 -}}
{{- $unit := regexReplaceAll "^[0-9.]+" $text "" -}}
{{- $bytes := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- if not (hasKey $bytes $unit) -}}
{{- fail (printf "memory quantity %q: use one of the units Ki, Mi, Gi, Ti, k, M, G, T" $text) -}}
{{- end -}}
{{- divf (mulf $number (get $bytes $unit)) 1048576 | floor | int64 -}}
{{- end -}}

{{/* ---- CockroachDB: names --------------------------------------------------------------------- */}}

{{/* Whether this release runs CockroachDB itself: "true" or nothing. */}}
{{- define "task-scheduler.cockroachdb.own" -}}
{{- if ne .Values.cockroachdb.mode "external" }}true{{ end -}}
{{- end -}}

{{/* The Service that SQL clients use, in each mode that has one. */}}
{{- define "task-scheduler.cockroachdb.name" -}}
{{- include "task-scheduler.name" (dict "root" . "component" "cockroachdb") -}}
{{- end -}}

{{/*
The StatefulSet. Its name differs by mode and with it those of its volumes, because a one-node store
must never be started as a member of a cluster, nor the other way round.
*/}}
{{- define "task-scheduler.cockroachdb.nodes" -}}
{{- include "task-scheduler.cockroachdb.name" . -}}{{- if eq .Values.cockroachdb.mode "cluster" }}-cluster{{ end -}}
{{- end -}}

{{/* The Service that gives each node its name in DNS. */}}
{{- define "task-scheduler.cockroachdb.headless" -}}
{{- include "task-scheduler.cockroachdb.name" . -}}-nodes
{{- end -}}

{{/* --insecure, or where the certificates are: for every cockroach command. */}}
{{- define "task-scheduler.cockroachdb.auth" -}}
{{- if eq .Values.cockroachdb.tls.mode "none" }}--insecure{{ else }}--certs-dir=/cockroach/cockroach-certs{{ end -}}
{{- end -}}

{{/* Secrets with ca.crt, tls.crt and tls.key: ours by cert-manager, or the operator's. */}}
{{- define "task-scheduler.cockroachdb.secret" -}}
{{- $tls := .root.Values.cockroachdb.tls -}}
{{- if eq $tls.mode "certManager" -}}
{{- include "task-scheduler.cockroachdb.name" .root }}-{{ .which -}}
{{- else -}}
{{- get (dict "node" $tls.nodeSecret "root" $tls.rootSecret "client" $tls.clientSecret) .which -}}
{{- end -}}
{{- end -}}

{{/*
A volume `certs` as `cockroach` wants it. .which: node, root or client. Mode 0400 becomes 0440 by the
pod's fsGroup, which cockroach accepts of a key that root owns.
*/}}
{{- define "task-scheduler.cockroachdb.certs" -}}
{{- $file := get (dict "node" "node" "root" "client.root" "client" (printf "client.%s" .root.Values.cockroachdb.user)) .which -}}
- name: certs
  projected:
    defaultMode: 0400
    sources:
      - secret:
          name: {{ include "task-scheduler.cockroachdb.secret" . }}
          items:
            - {key: ca.crt, path: ca.crt}
            - {key: tls.crt, path: {{ $file }}.crt}
            - {key: tls.key, path: {{ $file }}.key}
{{- end -}}

{{/* ---- CockroachDB: memory -------------------------------------------------------------------- */}}

{{/*
A quarter of the memory limit each for the cache and for SQL: the vendor's rule is that the cache and
twice the SQL memory stay within four fifths of it. In absolute figures, so that it is the container's
memory that is shared out and never the node's.
*/}}
{{- define "task-scheduler.cockroachdb.quarter" -}}
{{- div (include "task-scheduler.mebibytes" (dig "limits" "memory" "0" .Values.cockroachdb.resources) | int64) 4 }}MiB
{{- end -}}

{{/* ---- CockroachDB: pods of its own Jobs ------------------------------------------------------ */}}

{{/* What the init and decommission Jobs share: root's certificate, the tools, no privileges. */}}
{{- define "task-scheduler.cockroachdb.jobPod" -}}
restartPolicy: Never
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- toYaml .Values.cockroachdb.podSecurityContext | nindent 2 }}
volumes:
  - name: tmp
    emptyDir: {}
  {{- if ne .Values.cockroachdb.tls.mode "none" }}
  {{- include "task-scheduler.cockroachdb.certs" (dict "root" . "which" "root") | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "task-scheduler.cockroachdb.jobContainer" -}}
image: {{ include "task-scheduler.image" (dict "root" . "image" .Values.cockroachdb.image) }}
imagePullPolicy: {{ .Values.cockroachdb.image.pullPolicy }}
securityContext: {{- include "task-scheduler.containerSecurityContext" . | nindent 2 }}
resources: {{- toYaml .Values.cockroachdb.init.resources | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- if ne .Values.cockroachdb.tls.mode "none" }}
  - {name: certs, mountPath: /cockroach/cockroach-certs, readOnly: true}
  {{- end }}
{{- end -}}

{{/* ---- the database, as our programs are told of it ------------------------------------------- */}}

{{/* List of environment variables. */}}
{{- define "task-scheduler.database.env" -}}
{{- $db := .Values.cockroachdb -}}
{{- if eq $db.mode "external" -}}
{{- $external := $db.external -}}
{{- if $external.urlKey -}}
- name: SCHEDULER__DATABASE__URL
  valueFrom: {secretKeyRef: {name: {{ $external.existingSecret }}, key: {{ $external.urlKey }}}}
{{- else -}}
- {name: SCHEDULER__DATABASE__HOST, value: {{ $external.host | quote }}}
- {name: SCHEDULER__DATABASE__PORT, value: {{ $external.port | quote }}}
- {name: SCHEDULER__DATABASE__USER, value: {{ $external.user | quote }}}
- {name: SCHEDULER__DATABASE__DATABASE, value: {{ $external.database | quote }}}
- {name: SCHEDULER__DATABASE__SSLMODE, value: {{ $external.sslMode | quote }}}
{{- if $external.existingSecret }}
- name: SCHEDULER__DATABASE__PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $external.existingSecret }}, key: {{ $external.passwordKey }}}}
{{- end }}
{{- if $external.rootCertSecret }}
- {name: SCHEDULER__DATABASE__SSL_ROOT_CERT, value: /etc/scheduler/database/ca.crt}
{{- end }}
{{- end }}
{{- else if eq $db.tls.mode "none" -}}
- {name: SCHEDULER__DATABASE__HOST, value: {{ include "task-scheduler.cockroachdb.name" . }}}
- {name: SCHEDULER__DATABASE__PORT, value: "26257"}
# Without TLS CockroachDB asks nobody for a password, and root is who it lets in.
- {name: SCHEDULER__DATABASE__USER, value: root}
- {name: SCHEDULER__DATABASE__DATABASE, value: {{ $db.database | quote }}}
- {name: SCHEDULER__DATABASE__SSLMODE, value: disable}
{{- else }}
{{- $dir := "/etc/scheduler/database" }}
# No secret in it: the client proves who it is with its certificate.
- name: SCHEDULER__DATABASE__URL
  value: {{ printf "postgres://%s@%s:26257/%s?sslmode=verify-full&sslrootcert=%s/ca.crt&sslcert=%s/client.%s.crt&sslkey=%s/client.%s.key" $db.user (include "task-scheduler.cockroachdb.name" .) $db.database $dir $dir $db.user $dir $db.user | quote }}
{{- end }}
{{- if eq $db.mode "cluster" }}
# Connections are laid anew often, so that nodes that joined or came back get their share.
- {name: SCHEDULER__DATABASE__MAX_LIFETIME, value: {{ $db.connectionLifetime | quote }}}
{{- end }}
{{- end -}}

{{/* Volumes and mounts that the variables above need; nothing in most modes. */}}
{{- define "task-scheduler.database.volumes" -}}
{{- $db := .Values.cockroachdb -}}
{{- if and (eq $db.mode "external") $db.external.rootCertSecret -}}
- name: database-certs
  secret:
    secretName: {{ $db.external.rootCertSecret }}
    items: [{key: {{ $db.external.rootCertKey }}, path: ca.crt}]
{{- else if and (ne $db.mode "external") (ne $db.tls.mode "none") -}}
{{- include "task-scheduler.cockroachdb.certs" (dict "root" . "which" "client") | replace "name: certs" "name: database-certs" }}
{{- end }}
{{- end -}}

{{- define "task-scheduler.database.volumeMounts" -}}
{{- if include "task-scheduler.database.volumes" . -}}
- {name: database-certs, mountPath: /etc/scheduler/database, readOnly: true}
{{- end }}
{{- end -}}

{{/*
For whoever needs the database to be there at its start, which is the migration: waits until the
database exists, so that it need not fail and wait out Kubernetes' growing pauses. Nothing when the
database is external.
*/}}
{{- define "task-scheduler.database.initContainers" -}}
{{- if include "task-scheduler.cockroachdb.own" . -}}
- name: wait-for-database
  image: {{ include "task-scheduler.image" (dict "root" . "image" .Values.cockroachdb.image) }}
  imagePullPolicy: {{ .Values.cockroachdb.image.pullPolicy }}
  securityContext: {{- include "task-scheduler.containerSecurityContext" . | nindent 4 }}
  resources: {{- toYaml .Values.cockroachdb.init.resources | nindent 4 }}
  command: [/bin/bash, -c]
  args:
    - |
      for ((try = 0; try < 300; try++)); do
        said=$(/cockroach/cockroach sql {{ if eq .Values.cockroachdb.tls.mode "none" }}--insecure{{ else }}--certs-dir=/etc/scheduler/database --user={{ .Values.cockroachdb.user }}{{ end }} \
          --host={{ include "task-scheduler.cockroachdb.name" . }} --database={{ .Values.cockroachdb.database }} \
          --execute='SELECT 1' 2>&1) && exit 0
        echo "waiting for the database: ${said%%$'\n'*}" >&2
        sleep 1
      done
      exit 1
  {{- with include "task-scheduler.database.volumeMounts" . }}
  volumeMounts: {{- . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* ---- Redis ---------------------------------------------------------------------------------- */}}

{{- define "task-scheduler.redis.name" -}}
{{- include "task-scheduler.name" (dict "root" . "component" "redis") -}}
{{- end -}}

{{/* The StatefulSet of a Redis that fails over. */}}
{{- define "task-scheduler.redis.sentinel.name" -}}
{{- include "task-scheduler.redis.name" . }}-sentinel
{{- end -}}

{{/* Whom to ask which Redis leads, with commas; nothing where there is but one address. */}}
{{- define "task-scheduler.redis.sentinels" -}}
{{- if eq .Values.redis.mode "sentinel" -}}
{{- range $i, $pod := splitList " " (include "task-scheduler.redis.sentinel.pods" .) }}{{ if $i }},{{ end }}{{ $pod }}:26379{{ end -}}
{{- else if eq .Values.redis.mode "external" -}}
{{- join "," .Values.redis.external.sentinels -}}
{{- end -}}
{{- end -}}

{{/* What they call the servers that they watch. */}}
{{- define "task-scheduler.redis.sentinelMaster" -}}
{{- if eq .Values.redis.mode "external" }}{{ .Values.redis.external.sentinelMaster }}{{ else }}scheduler{{ end -}}
{{- end -}}

{{/* Their own password: a reference to a Secret's key, or nothing. */}}
{{- define "task-scheduler.redis.sentinelPassword" -}}
{{- $redis := .Values.redis -}}
{{- if and (eq $redis.mode "sentinel") $redis.auth.existingSecret -}}
{name: {{ $redis.auth.existingSecret }}, key: {{ $redis.auth.passwordKey }}}
{{- else if and (eq $redis.mode "external") $redis.external.sentinelPasswordKey -}}
{name: {{ $redis.external.existingSecret }}, key: {{ $redis.external.sentinelPasswordKey }}}
{{- end -}}
{{- end -}}

{{- define "task-scheduler.redis.env" -}}
{{- $redis := .Values.redis -}}
{{- $external := $redis.external -}}
{{- if and (eq $redis.mode "external") $external.urlKey -}}
- name: SCHEDULER__REDIS__URL
  valueFrom: {secretKeyRef: {name: {{ $external.existingSecret }}, key: {{ $external.urlKey }}}}
{{- else if eq $redis.mode "external" -}}
{{- if not $external.sentinels -}}
- {name: SCHEDULER__REDIS__HOST, value: {{ $external.host | quote }}}
- {name: SCHEDULER__REDIS__PORT, value: {{ $external.port | quote }}}
{{ end -}}
- {name: SCHEDULER__REDIS__DB, value: {{ $external.db | quote }}}
{{- with $external.username }}
- {name: SCHEDULER__REDIS__USERNAME, value: {{ . | quote }}}
{{- end }}
{{- if $external.existingSecret }}
- name: SCHEDULER__REDIS__PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $external.existingSecret }}, key: {{ $external.passwordKey }}}}
{{- end }}
{{- else -}}
{{- if eq $redis.mode "standalone" -}}
- {name: SCHEDULER__REDIS__HOST, value: {{ include "task-scheduler.redis.name" . }}}
- {name: SCHEDULER__REDIS__PORT, value: "6379"}
{{- end }}
{{- if $redis.auth.existingSecret }}
- name: SCHEDULER__REDIS__PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $redis.auth.existingSecret }}, key: {{ $redis.auth.passwordKey }}}}
{{- end }}
{{- end }}
{{- with include "task-scheduler.redis.sentinels" . }}
# Which of the servers leads is asked anew for each connection.
- {name: SCHEDULER__REDIS__SENTINELS, value: {{ . | quote }}}
- {name: SCHEDULER__REDIS__SENTINEL_MASTER, value: {{ include "task-scheduler.redis.sentinelMaster" $ | quote }}}
{{- with include "task-scheduler.redis.sentinelPassword" $ }}
- name: SCHEDULER__REDIS__SENTINEL_PASSWORD
  valueFrom: {secretKeyRef: {{ . }}}
{{- end }}
{{- end }}
{{- with $redis.keyPrefix }}
- {name: SCHEDULER__REDIS__KEY_PREFIX, value: {{ . | quote }}}
{{- end }}
{{- end -}}

{{/* MiB that Redis may fill: what is asked for, or three quarters of the limit, for it needs room of its own. */}}
{{- define "task-scheduler.redis.maxmemory" -}}
{{- if .Values.redis.maxmemory -}}
{{- include "task-scheduler.mebibytes" .Values.redis.maxmemory -}}
{{- else -}}
{{- div (mul 3 (include "task-scheduler.mebibytes" (dig "limits" "memory" "0" .Values.redis.resources) | int64)) 4 -}}
{{- end -}}
{{- end -}}

{{/* ---- what cannot work ----------------------------------------------------------------------- */}}

{{/* One message a line, each with the value and the fix; nothing when all is well. */}}
{{- define "task-scheduler.validate.data" -}}
{{- $db := .Values.cockroachdb -}}
{{- $tls := $db.tls -}}
{{- if eq $db.mode "external" }}
{{- $external := $db.external }}
{{- if and $external.urlKey (not $external.existingSecret) }}
cockroachdb.external.urlKey is set without cockroachdb.external.existingSecret: name the Secret that holds the URL.
{{- end }}
{{- if not (or $external.host $external.urlKey) }}
cockroachdb.mode is external, but nothing says where: set cockroachdb.external.host, or existingSecret and urlKey.
{{- end }}
{{- if and $external.host $external.urlKey }}
cockroachdb.external.host and cockroachdb.external.urlKey are both set: the URL has a host of its own, so remove one.
{{- end }}
{{- if and $external.rootCertSecret $external.urlKey }}
cockroachdb.external.rootCertSecret has no effect with urlKey: name parts instead of a URL (host, user, existingSecret, passwordKey).
{{- end }}
{{- if and $external.rootCertSecret (not (has $external.sslMode (list "verify-ca" "verify-full"))) }}
cockroachdb.external.rootCertSecret is set, but cockroachdb.external.sslMode {{ $external.sslMode }} checks no certificate: use verify-full.
{{- end }}
{{- if $db.decommission.toNodes }}
cockroachdb.decommission.toNodes is for cockroachdb.mode cluster only: this one is external. Set it to 0.
{{- end }}
{{- else }}
{{- $external := $db.external }}
{{- if or $external.host $external.urlKey }}
cockroachdb.external is filled in, but cockroachdb.mode is {{ $db.mode }}: set cockroachdb.mode to external, or empty cockroachdb.external.host and urlKey.
{{- end }}
{{- if and (eq $tls.mode "existingSecret") (not (and $tls.nodeSecret $tls.rootSecret $tls.clientSecret)) }}
cockroachdb.tls.mode is existingSecret: name all three of cockroachdb.tls.nodeSecret, rootSecret and clientSecret (each with ca.crt, tls.crt, tls.key).
{{- end }}
{{- if and (eq $tls.mode "certManager") (not $tls.certManager.issuerRef.name) }}
cockroachdb.tls.mode is certManager: name the Issuer that signs, in cockroachdb.tls.certManager.issuerRef.name.
{{- end }}
{{- if and (eq $tls.mode "certManager") (not .Values.assumeCrds) (not (.Capabilities.APIVersions.Has "cert-manager.io/v1")) }}
cockroachdb.tls.mode is certManager, but this cluster knows no cert-manager.io/v1: install cert-manager first, or set cockroachdb.tls.mode to existingSecret. (Rendering without a cluster: assumeCrds=true.)
{{- end }}
{{- if and (ne $tls.mode "none") (eq $db.user "root") }}
cockroachdb.user is root, which with TLS is for administration only: choose another name.
{{- end }}
{{- if not (and (or $db.cache (dig "limits" "memory" "" $db.resources)) (or $db.maxSqlMemory (dig "limits" "memory" "" $db.resources))) }}
cockroachdb.resources.limits.memory is missing, and CockroachDB would share out the whole machine's memory: set it, or cockroachdb.cache and cockroachdb.maxSqlMemory.
{{- end }}
{{- if eq $db.mode "single-node" }}
{{- if $db.decommission.toNodes }}
cockroachdb.decommission.toNodes is for cockroachdb.mode cluster only: this one is single-node. Set it to 0.
{{- end }}
{{- if $db.license.existingSecret }}
cockroachdb.license.existingSecret is set, but a single node needs no licence: empty it, or set cockroachdb.mode to cluster.
{{- end }}
{{- else }}
{{- if lt (int $db.nodes) 3 }}
cockroachdb.nodes is {{ $db.nodes }}: a cluster keeps three copies of everything, so it needs 3 nodes or more (or cockroachdb.mode single-node).
{{- end }}
{{- if and $db.decommission.toNodes (or (lt (int $db.decommission.toNodes) 3) (ge (int $db.decommission.toNodes) (int $db.nodes))) }}
cockroachdb.decommission.toNodes is {{ $db.decommission.toNodes }}: it must be 3 or more, and less than cockroachdb.nodes ({{ $db.nodes }}).
{{- end }}
{{- end }}
{{- end }}
{{- $redis := .Values.redis }}
{{- if eq $redis.mode "external" }}
{{- $external := $redis.external }}
{{- if and $external.urlKey (not $external.existingSecret) }}
redis.external.urlKey is set without redis.external.existingSecret: name the Secret that holds the URL.
{{- end }}
{{- if not (or $external.host $external.urlKey $external.sentinels) }}
redis.mode is external, but nothing says where: set redis.external.host, or existingSecret and urlKey, or sentinels.
{{- end }}
{{- if and $external.host $external.sentinels }}
redis.external.host and redis.external.sentinels are both set: the Sentinels say which host leads, so remove one.
{{- end }}
{{- if and $external.sentinelPasswordKey (not (and $external.sentinels $external.existingSecret)) }}
redis.external.sentinelPasswordKey needs redis.external.sentinels, and redis.external.existingSecret, which holds it.
{{- end }}
{{- if and $external.host $external.urlKey }}
redis.external.host and redis.external.urlKey are both set: the URL has a host of its own, so remove one.
{{- end }}
{{- else }}
{{- if or $redis.external.host $redis.external.urlKey $redis.external.sentinels }}
redis.external is filled in, but redis.mode is {{ $redis.mode }}: set redis.mode to external, or empty redis.external.host, urlKey and sentinels.
{{- end }}
{{- if eq $redis.mode "sentinel" }}
{{- if not $redis.persistence.enabled }}
redis.persistence.enabled is false, but redis.mode is sentinel: a leader that came back empty would have its replicas forget everything too, and a Sentinel its promises. Set it to true.
{{- end }}
{{- if not (mod (int $redis.sentinel.nodes) 2) }}
redis.sentinel.nodes is {{ $redis.sentinel.nodes }}: an even number survives no more losses than the odd one below it. Set it to {{ sub (int $redis.sentinel.nodes) 1 | max 3 }} or {{ add1 (int $redis.sentinel.nodes) }}.
{{- end }}
{{- end }}
{{- if not (or $redis.maxmemory (dig "limits" "memory" "" $redis.resources)) }}
redis.resources.limits.memory is missing: set it, or redis.maxmemory, or Redis grows until the kernel ends it.
{{- else if and $redis.maxmemory (dig "limits" "memory" "" $redis.resources) }}
{{- if ge (include "task-scheduler.mebibytes" $redis.maxmemory | int64) (include "task-scheduler.mebibytes" $redis.resources.limits.memory | int64) }}
redis.maxmemory {{ $redis.maxmemory }} leaves Redis nothing of redis.resources.limits.memory {{ $redis.resources.limits.memory }} for itself: keep it at three quarters of that.
{{- end }}
{{- end }}
{{- end }}
{{- include "task-scheduler.validate.monitoring" . }}
{{- end -}}

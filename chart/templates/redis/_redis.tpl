{{/* What a Redis alone and one of several have in common. */}}

{{/* The files in /etc/redis. */}}
{{- define "task-scheduler.redis.config" -}}
redis.conf: |
  # Reached through its Service only, which the network policies guard.
  bind * -::*
  protected-mode no
  port 6379
  dir /data
  # The append-only file alone: at most a second is lost, and the database has what is.
  save ""
  appendonly {{ ternary "yes" "no" .Values.redis.persistence.enabled }}
  appendfsync everysec
  # A full queue has to refuse, never to forget.
  maxmemory-policy noeviction
  maxmemory {{ include "task-scheduler.redis.maxmemory" . }}mb
  {{- if eq .Values.redis.mode "sentinel" }}
  # A leader that was cut off, and does not know yet that another leads, refuses what nobody else would have.
  min-replicas-to-write 1
  min-replicas-max-lag 10
  {{- end }}
  {{- with .Values.redis.extraConfig }}
  {{- . | nindent 2 }}
  {{- end }}
# Redis and Valkey take the same configuration under different names.
start.sh: |
  set -eu
  umask 077
  cp /etc/redis/redis.conf /run/redis/redis.conf
  # In a file, because arguments can be read by whoever may list processes.
  if [ -n "${REDIS_PASSWORD-}" ]; then
    escaped=$(printf %s "$REDIS_PASSWORD" | sed 's/[\\"]/\\&/g')
    printf 'requirepass "%s"\n' "$escaped" >>/run/redis/redis.conf
    {{- if eq .Values.redis.mode "sentinel" }}
    printf 'masterauth "%s"\n' "$escaped" >>/run/redis/redis.conf
    {{- end }}
  fi
  {{- if eq .Values.redis.mode "sentinel" }}
  . /etc/redis/leader.sh
  # By name, because a pod has another address after each restart.
  printf 'replica-announce-ip %s\n' "$self" >>/run/redis/redis.conf
  leader=$(leader)
  [ "$leader" = "$self" ] || printf 'replicaof %s 6379\n' "$leader" >>/run/redis/redis.conf
  echo "led by $leader"
  {{- end }}
  exec "$(command -v valkey-server || command -v redis-server)" /run/redis/redis.conf
# Not ready while it reads its file, nor when a password is wrong: both answer, but not so.
ping.sh: |
  export REDISCLI_AUTH="${REDIS_PASSWORD-}"
  [ -n "$REDISCLI_AUTH" ] || unset REDISCLI_AUTH
  [ "$("$(command -v valkey-cli || command -v redis-cli)" ping 2>&1)" = PONG ]
{{- if eq .Values.redis.mode "sentinel" }}
{{ include "task-scheduler.redis.sentinel.config" . }}
{{- end }}
{{- end -}}

{{- define "task-scheduler.redis.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.redis.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext: {{- toYaml .Values.redis.podSecurityContext | nindent 2 }}
{{- with .Values.redis.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.redis.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "task-scheduler.redis.probes" -}}
# A large file takes its time to read.
startupProbe:
  exec: {command: [sh, /etc/redis/ping.sh]}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 150
readinessProbe:
  exec: {command: [sh, /etc/redis/{{ ternary "ready.sh" "ping.sh" (eq .Values.redis.mode "sentinel") }}]}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
# The port alone: a script that keeps it busy is no reason to start again.
livenessProbe:
  tcpSocket: {port: redis}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end -}}

{{- define "task-scheduler.redis.claims" -}}
{{- if .Values.redis.persistence.enabled }}
volumeClaimTemplates:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata:
      name: data
      labels: {{- include "task-scheduler.selectorLabels" (dict "root" . "component" "redis") | nindent 8 }}
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .Values.redis.persistence.className }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests:
          storage: {{ .Values.redis.persistence.size }}
{{- end }}
{{- end -}}

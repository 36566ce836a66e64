{{/* What only a Redis of several has: who leads, and the Sentinels that decide it. */}}

{{/* The pods' names in DNS, separated by blanks. */}}
{{- define "task-scheduler.redis.sentinel.pods" -}}
{{- $root := . -}}
{{- $names := list -}}
{{- range $i := until (int .Values.redis.sentinel.nodes) -}}
{{- $names = append $names (printf "%s-%d.%s" (include "task-scheduler.redis.sentinel.name" $root) $i (include "task-scheduler.redis.sentinel.domain" $root)) -}}
{{- end -}}
{{- join " " $names -}}
{{- end -}}

{{/* What follows a pod's name. */}}
{{- define "task-scheduler.redis.sentinel.domain" -}}
{{- include "task-scheduler.redis.name" . }}-nodes.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain -}}
{{- end -}}

{{/* The variables that the scripts need. */}}
{{- define "task-scheduler.redis.sentinel.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- with .Values.redis.auth }}
{{- if .existingSecret }}
- name: REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: {{ .passwordKey }}}}
{{- end }}
{{- end }}
{{- end -}}

{{/* More files in /etc/redis. */}}
{{- define "task-scheduler.redis.sentinel.config" -}}
{{- $sentinel := .Values.redis.sentinel -}}
{{- $master := include "task-scheduler.redis.sentinelMaster" . -}}
{{- $pods := include "task-scheduler.redis.sentinel.pods" . -}}
# Sourced by the others, and by whoever wants to know: sh -c '. /etc/redis/leader.sh; leader'
leader.sh: |
  pods='{{ $pods }}'
  self=$POD_NAME.{{ include "task-scheduler.redis.sentinel.domain" . }}
  cli=$(command -v valkey-cli || command -v redis-cli)
  [ -z "${REDIS_PASSWORD-}" ] || export REDISCLI_AUTH="$REDIS_PASSWORD"
  # HOST PORT COMMAND…: the first line of the answer, or nothing.
  ask() {
    host=$1 port=$2
    shift 2
    timeout 3 "$cli" -h "$host" -p "$port" "$@" 2>/dev/null | head -n 1
  }
  # HOST: which pod leads, as the Sentinel there says, or nothing.
  named() {
    name=$(ask "$1" 26379 sentinel get-master-addr-by-name {{ $master }})
    case " $pods " in *" $name "*) echo "$name" ;; esac
  }
  # The pod that some Sentinel names and that says so itself. While there is none, the one that led last, as a
  # Sentinel or this pod's own file remembers; before there was any, the first.
  leader() {
    last=
    for pod in $pods; do
      said=$(named "$pod")
      [ -n "$said" ] || continue
      if [ "$(ask "$said" 6379 role)" = master ]; then
        echo "$said"
        return
      fi
      last=${last:-$said}
    done
    [ -n "$last" ] || last=$(sed -n 's/^sentinel monitor [^ ]* \([^ ]*\) .*/\1/p' /data/sentinel/sentinel.conf 2>/dev/null) || true
    echo "${last:-{{ splitList " " $pods | first }}}"
  }
# Not ready while it lacks what the leader has, so that a rolling update waits for it.
ready.sh: |
  . /etc/redis/leader.sh
  "$cli" info replication 2>&1 | grep -q -e '^role:master' -e '^master_link_status:up'
# Before the pod ends. Otherwise nobody would lead until the Sentinels missed it.
stop.sh: |
  . /etc/redis/leader.sh
  [ "$(ask 127.0.0.1 6379 role)" = master ] || exit 0
  for pod in $pods; do
    [ "$pod" != "$self" ] || continue
    [ "$(ask "$pod" 26379 sentinel failover {{ $master }})" != OK ] || break
  done
  tries=0
  while [ "$tries" -lt 20 ]; do
    for pod in $pods; do
      [ "$pod" != "$self" ] || continue
      new=$(named "$pod")
      if [ -n "$new" ] && [ "$new" != "$self" ]; then
        # The Sentinels would do it ten seconds later. What is written here until then is lost.
        ask 127.0.0.1 6379 replicaof "$new" 6379
        exit 0
      fi
    done
    tries=$((tries + 1))
    sleep 1
  done
sentinel.conf: |
  bind * -::*
  protected-mode no
  port 26379
  dir /tmp
  sentinel resolve-hostnames yes
  sentinel announce-hostnames yes
# What a Sentinel has learnt and promised outlives it; how it is set up is written anew.
sentinel.sh: |
  set -eu
  umask 077
  . /etc/redis/leader.sh
  file=/data/sentinel/sentinel.conf
  mkdir -p /data/sentinel
  leader=$(leader) tries=0
  # A name that nobody knows yet ends a Sentinel that begins with it.
  until getent hosts "$leader" >/dev/null || [ "$tries" -ge 60 ]; do
    tries=$((tries + 1))
    sleep 1
    leader=$(leader)
  done
  {
    cat /etc/redis/sentinel.conf
    echo "sentinel announce-ip $self"
    if [ -n "${REDIS_PASSWORD-}" ]; then
      escaped=$(printf %s "$REDIS_PASSWORD" | sed 's/[\\"]/\\&/g')
      printf 'requirepass "%s"\nsentinel sentinel-pass "%s"\n' "$escaped" "$escaped"
    fi
    echo "sentinel monitor {{ $master }} $leader 6379 {{ add 1 (div (int $sentinel.nodes) 2) }}"
    [ -z "${REDIS_PASSWORD-}" ] || printf 'sentinel auth-pass {{ $master }} "%s"\n' "$escaped"
    echo 'sentinel down-after-milliseconds {{ $master }} {{ mul 1000 (int $sentinel.downAfterSeconds) }}'
    echo 'sentinel failover-timeout {{ $master }} {{ mul 1000 (int $sentinel.failoverTimeoutSeconds) }}'
    echo 'sentinel parallel-syncs {{ $master }} 1'
    # Who leads is no replica, whatever it was when this was written.
    grep -E '^sentinel (myid|current-epoch|config-epoch|leader-epoch|known-replica|known-sentinel) ' "$file" 2>/dev/null |
      grep -v "^sentinel known-replica {{ $master }} $leader " || true
  } >"$file.new"
  mv "$file.new" "$file"
  echo "watching $leader"
  exec "$(command -v valkey-server || command -v redis-server)" "$file" --sentinel
sentinel-ping.sh: |
  . /etc/redis/leader.sh
  [ "$(ask 127.0.0.1 26379 ping)" = PONG ]
{{- end -}}

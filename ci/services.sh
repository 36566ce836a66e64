#!/usr/bin/env bash
# Starts a PostgreSQL and a Redis of one's own, on free ports of the loopback interface, with all
# they write in one temporary folder. Any number can run side by side.
#
#   ci/services.sh with [OPTION]… -- COMMAND…   runs COMMAND beside them; its exit status is ours
#   eval "$(ci/services.sh start [OPTION]…)"    starts them and sets the variables below
#   ci/services.sh env [FOLDER]                 prints those variables again
#   ci/services.sh stop [FOLDER]                stops them and removes their folder
#
#   --fast               gives up durability for speed: for tests, never for a figure
#   --appendonly yes|no  Redis's append-only file; no with --fast, else yes
#
# Variables: TEST_DATABASE_URL, TEST_REDIS_URL, ENVOY_BIN (once install.sh has run), and
# SERVICES_DIR, the folder, which `env` and `stop` take by default. TMPDIR says which disk it is on.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  sed -n '2,/^set /{/^set /d; s/^# \{0,1\}//p}' "$root/ci/services.sh" >&2
  exit 2
}

# PostgreSQL refuses to run as root, and Redis need not.
unprivileged() {
  if ((EUID == 0)); then
    runuser -u postgres -- "$@"
  else
    "$@"
  fi
}

# Below the range from which Linux takes the local ports of outgoing connections. Someone may still
# be on it: then the server does not start and the caller tries another.
random_port() { printf '%s\n' "$((10000 + SRANDOM % 22000))"; }

start_postgres() { # FOLDER FAST: sets postgres_port
  local dir=$1 fast=$2 bin
  bin=$(postgres_bin) || die "PostgreSQL is missing: run ci/install.sh"
  unprivileged "$bin/initdb" --pgdata="$dir/postgres" --username=scheduler --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1 ||
    { cat "$dir/initdb.log" >&2 && die "initdb failed"; }

  local durable=on preload=''
  [[ $fast == yes ]] && durable=off
  [[ -f ${bin%/bin}/lib/pg_stat_statements.so ]] && preload=pg_stat_statements
  cat >>"$dir/postgres/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
max_connections = 300
shared_buffers = 256MB
# A checkpoint in the middle of a measurement would be measured too.
max_wal_size = 4GB
checkpoint_timeout = 15min
fsync = $durable
synchronous_commit = $durable
full_page_writes = $durable
shared_preload_libraries = '$preload'
timezone = 'UTC'
CONF

  local try
  for try in 1 2 3 4 5; do
    postgres_port=$(random_port)
    if unprivileged "$bin/pg_ctl" start --pgdata="$dir/postgres" --log="$dir/postgres.log" \
      --wait --silent --options="-p $postgres_port" >/dev/null 2>&1; then
      break
    fi
    ((try < 5)) || { tail -n 20 "$dir/postgres.log" >&2 && die "PostgreSQL did not start"; }
  done

  local psql=("$bin/psql" --host="$dir" --port="$postgres_port" --username=scheduler --quiet --no-psqlrc)
  "${psql[@]}" --dbname=postgres --command='CREATE DATABASE scheduler_test'
  if [[ -n $preload ]]; then
    "${psql[@]}" --dbname=scheduler_test --command="CREATE EXTENSION $preload"
  fi
}

start_redis() { # FOLDER APPENDONLY: sets redis_port
  local dir=$1 appendonly=$2 try wait
  have redis-server || die "Redis is missing: run ci/install.sh"
  for try in 1 2 3 4 5; do
    redis_port=$(random_port)
    unprivileged redis-server --daemonize yes --bind 127.0.0.1 --port "$redis_port" \
      --unixsocket "$dir/redis.sock" --dir "$dir/redis" --pidfile "$dir/redis.pid" \
      --logfile "$dir/redis.log" --save '' --appendonly "$appendonly" >/dev/null
    # It leaves for the background before it binds. An answer on the socket in our own folder is
    # from our own server, whoever else may have the port.
    for ((wait = 0; wait < 100; wait++)); do
      [[ $(redis-cli -s "$dir/redis.sock" ping 2>/dev/null) == PONG ]] && return 0
      grep -qs 'Failed listening' "$dir/redis.log" && break
      sleep 0.05
    done
    ((try < 5)) && rm -f "$dir/redis.log"
  done
  tail -n 20 "$dir/redis.log" >&2
  die "Redis did not start"
}

start() { # FOLDER FAST APPENDONLY
  local dir=$1 fast=$2 appendonly=$3
  mkdir "$dir/redis"
  ((EUID != 0)) || chown -R postgres: "$dir"
  # In the folder itself, because the unprivileged user may not enter the caller's.
  pushd "$dir" >/dev/null
  start_postgres "$dir" "$fast"
  start_redis "$dir" "$appendonly"
  popd >/dev/null

  {
    printf 'export SERVICES_DIR=%q\n' "$dir"
    printf 'export TEST_DATABASE_URL=%q\n' \
      "postgres://scheduler@127.0.0.1:$postgres_port/scheduler_test?sslmode=disable"
    printf 'export TEST_REDIS_URL=%q\n' "redis://127.0.0.1:$redis_port/0"
    if [[ -x $cache/bin/envoy ]]; then
      printf 'export ENVOY_BIN=%q\n' "$cache/bin/envoy"
    fi
  } >"$dir/env"
}

# Also called on a start that failed half-way, so each part may be missing.
stop() { # FOLDER
  local dir=$1
  if [[ -S $dir/redis.sock ]]; then
    redis-cli -s "$dir/redis.sock" shutdown nosave >/dev/null 2>&1 || true
  fi
  if [[ -f $dir/postgres/postmaster.pid ]]; then
    # Nothing in there is wanted any more: no checkpoint, no farewell to the clients.
    (cd "$dir" && unprivileged "$(postgres_bin)/pg_ctl" stop --pgdata="$dir/postgres" \
      --mode=immediate --wait --silent) >/dev/null 2>&1 || say "PostgreSQL in $dir did not stop"
  fi
  rm -rf "$dir"
}

new_folder() { mktemp -d "${TMPDIR:-/tmp}/scheduler-services.XXXXXX"; }

folder_of() { # the folder that `env` and `stop` mean
  local dir=${1:-${SERVICES_DIR-}}
  [[ -n $dir ]] || die "which services? Name their folder or set SERVICES_DIR"
  # `stop` removes the folder: never one that this script did not make.
  [[ ${dir##*/} == scheduler-services.* && -d $dir/redis ]] || die "no services in $dir"
  printf '%s\n' "$dir"
}

verb=${1-}
[[ $# -gt 0 ]] && shift
fast=no
appendonly=''
case $verb in
  with | start)
    while [[ $# -gt 0 ]]; do
      case $1 in
        --fast) fast=yes ;;
        --appendonly)
          [[ ${2-} == yes || ${2-} == no ]] || usage
          appendonly=$2
          shift
          ;;
        --)
          shift
          break
          ;;
        *) usage ;;
      esac
      shift
    done
    if [[ -z $appendonly ]]; then
      [[ $fast == yes ]] && appendonly=no || appendonly=yes
    fi
    ;;
esac

case $verb in
  with)
    [[ $# -gt 0 ]] || usage
    dir=$(new_folder)
    trap 'stop "$dir"' EXIT
    start "$dir" "$fast" "$appendonly"
    # shellcheck source=/dev/null
    . "$dir/env"
    # In the background, because bash sees to a signal only between two commands in the foreground:
    # a TERM would leave the command running. Its input and its interrupt key stay what they were.
    (
      trap - INT QUIT EXIT
      exec "$@"
    ) <&0 &
    command=$!
    trap 'kill -TERM "$command" 2>/dev/null || true' TERM HUP
    trap : INT # the terminal has told the command as well; the services stop after it
    status=0
    wait "$command" || status=$?
    while kill -0 "$command" 2>/dev/null; do # it was a signal that ended the wait
      status=0
      wait "$command" || status=$?
    done
    exit "$status"
    ;;
  start)
    [[ $# -eq 0 ]] || usage
    dir=$(new_folder)
    trap 'stop "$dir"' EXIT
    start "$dir" "$fast" "$appendonly"
    trap - EXIT
    cat "$dir/env"
    ;;
  env)
    dir=$(folder_of "${1-}")
    cat "$dir/env"
    ;;
  stop)
    dir=$(folder_of "${1-}")
    stop "$dir"
    ;;
  *) usage ;;
esac

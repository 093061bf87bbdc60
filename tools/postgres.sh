#!/usr/bin/env bash
# A throw-away PostgreSQL on loopback for the tests.
#   tools/postgres.sh start DIR            makes a cluster in DIR, starts it and prints its URL
#   tools/postgres.sh standby DIR URL      makes a hot standby of the server at URL in DIR, starts it and prints its URL
#   tools/postgres.sh demote DIR           starts the server in DIR again, as a standby without a primary
#   tools/postgres.sh again DIR            starts the server in DIR again, which was killed
#   tools/postgres.sh stop DIR             stops it and removes DIR
# PostgreSQL does not run as root; root's cluster runs as the user postgres, or nobody.
set -euo pipefail

usage() { sed -n '2,7p' "$0" | cut -c3- >&2; exit 2; }

find_binaries() {
  local newest
  newest=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort | tail -n 1)
  if [ -x "$newest/initdb" ]; then echo "$newest"; return; fi
  if command -v initdb >/dev/null; then dirname "$(command -v initdb)"; return; fi
  echo "no PostgreSQL found; install it: apt-get install postgresql" >&2
  return 1
}

# Runs a command as the user that owns the cluster.
unprivileged() {
  if [ "$(id -u)" != 0 ]; then "$@"; return; fi
  setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups env HOME="$dir" "$@"
}

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

# The folder of the cluster, and one for its sockets: a socket's path may have 107 characters, and DIR may be long.
make_folders() {
  mkdir -p "$dir"
  [ "$(id -u)" = 0 ] && chown "$owner" "$dir"
  chmod 0700 "$dir"
  unprivileged mktemp --directory /tmp/pg.XXXXXX > "$dir/sockets"
}

# run_server PORT
run_server() {
  echo "$1" > "$dir/port"
  unprivileged "$binaries/pg_ctl" start --pgdata="$dir/data" --wait --timeout=30 --silent --log="$dir/log" \
    --options="-c listen_addresses=127.0.0.1 -c port=$1 -c unix_socket_directories=$(cat "$dir/sockets") -c max_connections=200" >/dev/null
  echo "postgres://macp@127.0.0.1:$1/postgres"
}

start() {
  make_folders
  unprivileged "$binaries/initdb" --pgdata="$dir/data" --username=macp --auth=trust --encoding=UTF8 --no-locale --no-sync >/dev/null
  run_server "$(free_port)"
}

standby() {
  make_folders
  unprivileged "$binaries/pg_basebackup" --pgdata="$dir/data" --dbname="$1" --write-recovery-conf --checkpoint=fast --no-sync >/dev/null
  run_server "$(free_port)"
}

demote() {
  unprivileged "$binaries/pg_ctl" stop --pgdata="$dir/data" --mode=fast --silent >/dev/null
  unprivileged touch "$dir/data/standby.signal"
  run_server "$(cat "$dir/port")"
}

# As at the start of a machine: no process of before is left, though a container may still list it.
again() {
  rm -f -- "$dir/data/postmaster.pid" "$(cat "$dir/sockets")"/.s.PGSQL.*
  run_server "$(cat "$dir/port")"
}

stop() {
  unprivileged "$binaries/pg_ctl" stop --pgdata="$dir/data" --mode=immediate --silent >/dev/null || true
  rm -rf -- "$(cat "$dir/sockets")" "$dir/data" "$dir/log" "$dir/sockets" "$dir/port"
  rmdir -- "$dir"
}

[ $# = 2 ] || [ "$*" = "standby ${2:-} ${3:-}" ] || usage
mkdir -p "$2"
dir=$(cd "$2" && pwd)
binaries=$(find_binaries)
owner=$(id -u postgres >/dev/null 2>&1 && echo postgres || echo nobody)
case $1 in
  start) start ;;
  standby) [ $# = 3 ] || usage; standby "$3" ;;
  demote) demote ;;
  again) again ;;
  stop) stop ;;
  *) usage ;;
esac

#!/usr/bin/env bash
# A throw-away PostgreSQL on loopback for the tests.
#   tools/postgres.sh start DIR   makes a cluster in DIR, starts it and prints its URL
#   tools/postgres.sh stop DIR    stops it and removes DIR
# PostgreSQL refuses to run as root; root's cluster runs as the user postgres, or nobody.
set -euo pipefail

usage() { sed -n '2,4p' "$0" | cut -c3- >&2; exit 2; }

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

start() {
  mkdir -p "$dir"
  [ "$(id -u)" = 0 ] && chown "$owner" "$dir"
  chmod 0700 "$dir"
  local port sockets
  # A socket's path may have 107 characters, and DIR may be long.
  sockets=$(unprivileged mktemp --directory /tmp/pg.XXXXXX)
  echo "$sockets" > "$dir/sockets"
  unprivileged "$binaries/initdb" --pgdata="$dir/data" --username=macp --auth=trust --encoding=UTF8 --no-locale --no-sync >/dev/null
  port=$(free_port)
  unprivileged "$binaries/pg_ctl" start --pgdata="$dir/data" --wait --timeout=30 --silent --log="$dir/log" \
    --options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$sockets -c max_connections=200" >/dev/null
  echo "postgres://macp@127.0.0.1:$port/postgres"
}

stop() {
  unprivileged "$binaries/pg_ctl" stop --pgdata="$dir/data" --mode=immediate --silent >/dev/null || true
  rm -rf -- "$(cat "$dir/sockets")" "$dir/data" "$dir/log" "$dir/sockets"
  rmdir -- "$dir"
}

[ $# = 2 ] || usage
mkdir -p "$2"
dir=$(cd "$2" && pwd)
binaries=$(find_binaries)
owner=$(id -u postgres >/dev/null 2>&1 && echo postgres || echo nobody)
case $1 in
  start) start ;;
  stop) stop ;;
  *) usage ;;
esac

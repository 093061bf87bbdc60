#!/usr/bin/env bash
# The stories of image.sh that run the image: called by it in mount, network and process namespaces of their own, with the folder
# of the run as the argument, and `container` and `root` in the environment. Here port 3200 is free whatever the machine runs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$1
ok() { printf 'ok    %s\n' "$1"; }
fail() {
  printf 'FAIL  %s\n' "$1"
  [ $# -lt 2 ] || tail -n 30 "$2" | sed 's/^/      /'
  exit 1
}

# Loopback, one more address as a second network card would give, and the hosts file that Docker writes.
busybox ip link set lo up
busybox ip address add 192.0.2.9/32 dev lo
printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' >"$work/hosts"

# The root as `docker run --read-only` gives it, with a volume at /data. buildah itself makes files in /run and binds over others.
mkdir "$work/data"
chown 10001:10001 "$work/data"
chmod 700 "$work/data"
touch "$root/etc/hosts" "$root/etc/resolv.conf"
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind "$work/hosts" "$root/etc/hosts"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$work/data" "$root/data"

# fact PATH: a list or text of the image's configuration, an entry a line.
fact() { node -e 'const it = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8")); console.log([eval(process.argv[2])].flat().join("\n"))' "$work/facts.json" "it.Docker.config.$1"; }
mapfile -t command < <(fact Entrypoint && fact Cmd)
mapfile -t health < <(fact Healthcheck.Test)
[ "${health[0]}" = CMD-SHELL ] || fail "the image has a health check for a shell"

# inside [NAME=VALUE]... -- COMMAND...: runs a command in the container with these variables, as the image's user.
inside() {
  local env=()
  while [ "$1" != -- ]; do env+=(--env "$1") && shift; done
  buildah run --no-hosts "${env[@]}" "$container" "$@"
}
healthy() { inside "$@" -- /bin/sh -c "${health[1]}" >"$work/health.log" 2>&1; }

# serve LOG [NAME=VALUE]...: starts what the image starts, and waits until it listens.
serve() {
  local log=$1
  shift
  inside "$@" -- "${command[@]}" >"$log" 2>&1 &
  for _ in $(seq 200); do
    ! grep -q '"event":"listening"' "$log" || return 0
    sleep 0.1
  done
  fail "the image starts with: $*" "$log"
}

# signal NAME: sends it to every service, as an orchestrator would. stop: with SIGTERM, and waits for the end of each.
signal() {
  local process
  for process in /proc/[0-9]*; do
    case $(tr '\0' ' ' 2>/dev/null <"$process/cmdline") in /usr/local/bin/node*) kill -"$1" "${process#/proc/}" ;; esac
  done
}
stop() {
  signal TERM
  wait
}
stopped_well() { grep -q '"event":"stopped","code":0' "$1" || fail "SIGTERM ends it with code 0" "$1"; }

serve "$work/serve.log"
inside -- /bin/sh -c 'for f in /x /app/x /etc/x /usr/local/bin/x; do ! touch $f 2>/dev/null || exit 1; done; touch /data/x && rm /data/x; [ "$(id -u):$(id -g)" = 10001:10001 ]' ||
  fail "user 10001 runs on a root that it cannot write"
ok "it starts as user 10001 on a root that nobody can write"
healthy || fail "the image's health line passes" "$work/health.log"
ok "the image's own health line passes: ${health[1]}"
signal USR1
if inside -- wget -q -O /dev/null http://127.0.0.1:9229/json 2>/dev/null || ! healthy; then fail "SIGUSR1 opens no debugger" "$work/serve.log"; fi
ok "SIGUSR1 opens no debugger"
stop
stopped_well "$work/serve.log"
ok "SIGTERM ends it with code 0"
! healthy || fail "the health line fails once the service has ended"
ok "the health line fails once the service has ended"

hosts=(0.0.0.0 :: '[::]' 127.0.0.1 127.0.0.2 ::1 '[::1]' localhost 192.0.2.9)
for index in "${!hosts[@]}"; do serve "$work/host-$index.log" "HOST=${hosts[index]}" "PORT=$((3300 + index))"; done
for index in "${!hosts[@]}"; do
  healthy "HOST=${hosts[index]}" "PORT=$((3300 + index))" || fail "the health line passes with HOST=${hosts[index]}" "$work/host-$index.log"
done
stop
ok "the health line passes with HOST set to: ${hosts[*]}"

# The official self-host compose, with its variables and its own health line; then what the runtime and the playground do there.
official=(PORT=3200 MACP_AUTH_ISSUER=macp-auth-service MACP_AUTH_AUDIENCE=macp-runtime MACP_AUTH_DEFAULT_TTL_SECONDS=3600 MACP_AUTH_MAX_TTL_SECONDS=7200)
serve "$work/official.log" "${official[@]}"
answer=$(inside -- wget -qO- http://localhost:3200/healthz) || fail "the official stack's health check passes"
[ "$answer" = '{"ok":true}' ] || fail "the official stack's health check finds $answer"
inside -- node -e "require('http').get('http://localhost:3200/healthz',r=>process.exit(r.statusCode===200?0:1)).on('error',()=>process.exit(1))" ||
  fail "the playground's health check passes"
ok "the official stack's health checks pass, by wget and by node"
node "$here/../../e2e/deploy/official-callers.mjs" http://localhost:3200 >"$work/callers.log" 2>&1 || fail "its runtime and its playground are served" "$work/callers.log"
sed 's/^/ok    /' "$work/callers.log"
stop
stopped_well "$work/official.log"

# Managed keys in /data, with bounds of seconds, so that a key need not wait for hours.
keys=(MACP_AUTH_STORE_URL=sqlite:/data/keys.db MACP_AUTH_KEK_FILE=/data/kek MACP_AUTH_KEY_VERSION_FILE=/data/version
  MACP_AUTH_UNSAFE_FAST_ROTATION=1 MACP_AUTH_KEY_ROTATION_SECONDS=600 MACP_AUTH_KEY_LEAD_SECONDS=5 MACP_AUTH_JWKS_MAX_AGE_SECONDS=0
  MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS=2 MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS=0 MACP_AUTH_ADMIN_PORT=3201)
auth() { inside "${keys[@]}" -- macp-auth "$@" 2>>"$work/commands.log"; }
# kid_of TOKEN, kid_in STATE: which key signed it; the first key that is in this state.
kid_of() { node -p 'JSON.parse(Buffer.from(process.argv[1].split(".")[0], "base64url")).kid' "$1"; }
kid_in() { auth keys list --json | node -e 'const { keys } = JSON.parse(require("node:fs").readFileSync(0, "utf8")); console.log(keys.find(({ state }) => state === process.argv[1]).kid)' "$1"; }
# until_true SECONDS COMMAND...
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.3
  done
}
signs_with() { [ "$(kid_of "$(auth mint --sender agent://image)")" = "$1" ]; }

auth kek generate --out /data/kek >/dev/null || fail "a key-encryption key is made in /data" "$work/commands.log"
serve "$work/keys.log" "${keys[@]}"
first=$(auth mint --sender agent://image)
auth verify "$first" >/dev/null || fail "it mints, and verifies what it minted" "$work/commands.log"
ok "it keeps managed keys in /data, mints, and verifies what it minted"
prepared=$(auth keys prepare | grep -oE '[A-Za-z0-9_-]{43}') || fail "keys prepare" "$work/commands.log"
until_true 20 auth keys rotate || fail "keys rotate" "$work/commands.log"
second=$(kid_in signing)
until_true 10 signs_with "$second" || fail "the service signs with the key that was rotated to" "$work/keys.log"
until_true 20 auth keys activate -- "$prepared" || fail "keys activate" "$work/commands.log"
until_true 10 signs_with "$prepared" || fail "the service signs with the key that was activated" "$work/keys.log"
last=$(auth mint --sender agent://image)
if ! auth verify "$first" >/dev/null || ! auth verify "$last" >/dev/null; then fail "tokens of before and after verify" "$work/commands.log"; fi
ok "keys prepare, rotate and activate change its key while it runs, and no token is lost"
auth keys revoke --reason "drill of image.sh" -- "$(kid_of "$first")" >/dev/null || fail "keys revoke" "$work/commands.log"
until_true 10 eval '! auth verify "$first"' || fail "a revoked key's tokens are rejected" "$work/keys.log"
ok "keys revoke ends the tokens of a key"
inside -- wget -q -O /dev/null http://127.0.0.1:3201/readyz || fail "the readiness probe of the Kubernetes manifest passes" "$work/keys.log"
inside -- sleep 0 || fail "the preStop command of the Kubernetes manifest is in the image"
ok "the readiness probe and the preStop command of the Kubernetes manifest run in it"
stop
stopped_well "$work/keys.log"
serve "$work/again.log" "${keys[@]}"
signs_with "$prepared" || fail "it signs with the same key after a restart" "$work/again.log"
stop
ok "after a restart on the same volume it continues with the same keys"
[ -z "$(find "$work/data" -type f -perm /077)" ] || fail "what it writes to /data is only its own: $(ls -l "$work/data")"
ok "what it writes to /data can be read only by its user"

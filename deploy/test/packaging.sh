#!/usr/bin/env bash
# Proves the image without a Docker engine: does the Dockerfile's COPY and npm steps in a temporary folder, then starts the
# result as an unprivileged user that can write nothing, probes it, mints a token and stops it. Prints one line a step.
# Call it from anywhere: deploy/test/packaging.sh. Exit 0: all steps held. Needs git, node, npm, wget, curl; setpriv when root.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
service=""
finish() {
  if [ -n "$service" ]; then kill -KILL "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true; fi
  chmod -R u+w "$work" && rm -rf "$work"
}
trap finish EXIT

ok() { printf 'ok    %s\n' "$1"; }
fail() {
  printf 'FAIL  %s\n' "$1"
  [ $# -lt 2 ] || [ ! -s "$2" ] || sed 's/^/      /' "$2"
  exit 1
}
# json NAME...: the member of the JSON object on standard input, or nothing.
json() { node -e 'const v = process.argv.slice(1).reduce((o, k) => o?.[k], JSON.parse(require("node:fs").readFileSync(0, "utf8"))); console.log(v ?? "")' "$@"; }

mkdir "$work/context" "$work/image"
cd "$repository"
git ls-files -z | while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
  tar --null --files-from=- --create | tar --extract --directory "$work/context"
ok "the tracked files are copied to a folder of their own"

node deploy/test/image-tree.mjs "$work/context" deploy/Dockerfile "$work/image" >"$work/facts" 2>"$work/build.log" ||
  fail "the Dockerfile's COPY and npm steps run" "$work/build.log"
ok "the Dockerfile's COPY and npm steps run"

app=$work/image/final/app
others=$(cd "$app" && ls -A . service | sort -u | grep -vxE 'LICENSE|node_modules|service|package\.json|bin|dist|\.:|service:|' || true)
[ -z "$others" ] || fail "the image holds the licence, bin, dist and production packages; it also holds: $others"
ok "the image holds the licence, bin, dist and production packages, and nothing else"

stray=$(find "$app/service" -name '*.ts' -o -name '*.test.*' -o -path '*/testing*' -o -name 'node_modules' | head -5)
[ -z "$stray" ] || fail "no test file and no source is in the image; found: $stray"
ok "no test file and no source is in the image"

node -e '
  const { packages } = JSON.parse(require("node:fs").readFileSync("package-lock.json", "utf8"));
  const fs = require("node:fs"), path = require("node:path");
  const found = [];
  const walk = (folder, key) => {
    for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
      if (name.startsWith(".")) continue;
      const names = name.startsWith("@") ? fs.readdirSync(path.join(folder, name)).map((inner) => name + "/" + inner) : [name];
      for (const full of names) {
        found.push(key + full);
        walk(path.join(folder, full, "node_modules"), key + full + "/node_modules/");
      }
    }
  };
  walk(process.argv[1], "node_modules/");
  const bad = found.filter((key) => packages[key] === undefined || packages[key].dev === true);
  const missing = Object.keys(packages).filter((key) => key.startsWith("node_modules/") && !packages[key].dev && !packages[key].optional && !found.includes(key));
  if (bad.length + missing.length > 0) { console.log("strange: " + bad.join(" ") + " missing: " + missing.join(" ")); process.exit(1); }
  console.log(found.filter((key) => !packages[key].link).length);
' "$app/node_modules" >"$work/packages" || fail "each package is one that the lock file asks for in production" "$work/packages"
ok "each of the $(cat "$work/packages") packages is one that the lock file asks for in production, and none is missing"

chmod -R a-w,a+rX "$work/image"
chmod 755 "$work"
if [ "$(id -u)" -eq 0 ]; then
  chown -R root:root "$work/image"
  as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs)
  who="user 65534, without capabilities"
else
  as_user=()
  who="user $(id -u), as this script is not run by root"
fi
cd /
writable=$("${as_user[@]}" find "$work" -writable ! -type l 2>/dev/null | head -5)
[ -z "$writable" ] || fail "the service can write no file; it could write: $writable"
ok "no file of the image can be written by the service ($who)"

mapfile -t start < <(node -e '
  const { entrypoint, command } = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
  for (const word of [...entrypoint, ...command]) console.log(word.startsWith("/app/") ? process.argv[2] + word : word);
' "$work/facts" "$work/image/final")
"${as_user[@]}" env -i PATH="$PATH" NODE_ENV=production PORT=0 "${start[@]}" >"$work/out.log" 2>"$work/err.log" &
service=$!
port=""
for _ in $(seq 100); do
  port=$(sed -n 's/.*"event":"listening".*"port":\([0-9]*\).*/\1/p' "$work/out.log")
  [ -z "$port" ] || break
  kill -0 "$service" 2>/dev/null || fail "the service starts from ENTRYPOINT and CMD" "$work/err.log"
  sleep 0.1
done
[ -n "$port" ] || fail "the service listens within ten seconds" "$work/err.log"
ok "the service starts from ENTRYPOINT and CMD and listens on port $port"

health=$(json health <"$work/facts")
env PORT="$port" sh -c "$health" || fail "the image's own HEALTHCHECK passes: $health"
ok "the image's own HEALTHCHECK passes"
[ "$(wget -q -O - "http://localhost:$port/healthz")" = '{"ok":true}' ] || fail "wget finds /healthz"
ok "wget finds /healthz"
node -e 'require("node:http").get(process.argv[1], (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on("error", () => process.exit(1))' \
  "http://localhost:$port/healthz" || fail "node finds /healthz"
ok "node finds /healthz"

token=$(curl -sS -H 'content-type: application/json' -d '{"sender":"agent://packaging"}' "http://localhost:$port/tokens" | json token)
[[ $token =~ ^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$ ]] || fail "one token is minted"
ok "one token is minted"

kill -TERM "$service"
code=0
wait "$service" || code=$?
service=""
[ "$code" -eq 0 ] || fail "SIGTERM ends it with exit code 0, and it was $code" "$work/err.log"
ok "SIGTERM ends it with exit code 0"
[ ! -s "$work/err.log" ] || fail "nothing was written to standard error" "$work/err.log"
ok "nothing was written to standard error"

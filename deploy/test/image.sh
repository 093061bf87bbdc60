#!/usr/bin/env bash
# Builds deploy/Dockerfile with buildah, which needs no engine, and checks what the image contains and does. One line a guarantee.
# Call it from anywhere, as root, on Debian with node, npm, git, buildah and busybox. It leaves nothing behind. Exit 0: all hold.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
for tool in buildah busybox node npm git dpkg-deb unshare; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install buildah busybox git, and Node" && exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "building without an engine needs root: sudo env PATH=\"\$PATH\" $0" && exit 1; }

work=$(mktemp -d)
finish() { rm -rf --one-file-system "$work"; }
trap finish EXIT
ok() { printf 'ok    %s\n' "$1"; }
fail() {
  printf 'FAIL  %s\n' "$1"
  [ $# -lt 2 ] || [ ! -s "$2" ] || tail -n 40 "$2" | sed 's/^/      /'
  exit 1
}

# Everything that buildah writes is in a folder of this run.
mkdir "$work/tmp" "$work/base" "$work/context"
export TMPDIR=$work/tmp BUILDAH_ISOLATION=chroot CONTAINERS_STORAGE_CONF=$work/storage.conf
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/images" "$work/run" >"$work/storage.conf"
base=localhost/macp-auth-base:test image=localhost/macp-auth-service:test

# What this machine needs to reach the npm registry goes in as build secrets.
ca=$(npm config get cafile)
[ "$ca" != null ] || ca=${NODE_EXTRA_CA_CERTS:-}
registry=$(npm config get registry)
{
  for file in "$(npm config get globalconfig)" "$(npm config get userconfig)"; do
    [ ! -f "$file" ] || grep -vE '^[[:space:]]*(cafile|cache|nodedir|prefix|registry)[[:space:]]*=' "$file" || true
    echo
  done
  echo "registry=$registry"
  [ -z "$ca" ] || echo 'cafile=/run/secrets/ca'
} >"$work/npmrc"
cp "${ca:-/dev/null}" "$work/ca"
host_of() { sed -E 's#^[a-z]+://##; s#[/:].*##'; }
# The registry that npm asks where nothing is configured: the base, which is npm's own, may name it.
usual_registry=$(cd "$work" && env -i PATH="$PATH" HOME="$work/nobody" npm config get registry \
  --userconfig "$work/no-user-settings" --globalconfig "$work/no-settings" | host_of)
# What must not come out again: in no layer what is secret or this machine's own, and above the base no registry's address at all.
{
  echo /run/secrets/ca
  grep -E '_auth|_password|^//' "$work/npmrc" || true
  # The secret by itself too, however a layer would write it down.
  grep -E '_auth|_password' "$work/npmrc" | sed 's/^[^=]*=//' | grep -E '.{8}' || true
  echo "$registry" | host_of | grep -vxF "$usual_registry" || true
} >"$work/private"
{
  echo "$usual_registry"
  grep -E '.{16}' "$work/npmrc" || true
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } | grep -oE 'https?://[^[:space:]]+' | host_of || true
  grep -vE -e '-----|^#|^$' "$work/ca" | sed -n '1p;$p' || true
} >"$work/public"

start=$SECONDS
base_says=$(bash "$here/base-image.sh" "$base" "$work/base") || fail "a base image is made of what the registries have"
ok "a base image is made of what the registries have ($base_says), $((SECONDS - start)) s"

cd "$repository"
git -c safe.directory="$repository" ls-files -z | while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
  tar --null --files-from=- --create | tar --extract --directory "$work/context"
start=$SECONDS
buildah bud --format docker --build-arg NODE_IMAGE="$base" --secret id=npmrc,src="$work/npmrc" --secret id=ca,src="$work/ca" \
  --file "$work/context/deploy/Dockerfile" --tag "$image" "$work/context" >"$work/build.log" 2>&1 || fail "the Dockerfile builds" "$work/build.log"
ok "deploy/Dockerfile builds from only the tracked files, $((SECONDS - start)) s"

base_layers=$(buildah inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}}' "$base")
buildah push --quiet "$image" "oci:$work/oci"
node "$here/layers.mjs" "$work/oci" "$base_layers" "$work/private" "$work/public" >"$work/layers" ||
  fail "the layers hold the service and nothing else: no key, no registry's address or settings" "$work/layers"
ok "the layers hold the service and nothing else: no key, no registry's address or settings"
cat "$work/layers"

container=$(buildah from --pull-never "$image")
root=$(buildah mount "$container")
node "$here/packages.mjs" "$root/app" >"$work/packages" || fail "each package is one that the lock file asks for in production, and none is missing" "$work/packages"
ok "each package is one that the lock file asks for in production, and none is missing"
cat "$work/packages"

left=$(find "$root" -xdev -path "$root/app" -prune -o \( -name npm -o -name npx -o -name corepack -o -name 'yarn*' -o -name tsc -o -name '*npmrc' \) -print | head -5)
[ -z "$left" ] || fail "no package manager and no compiler is left; found: $left"
ok "no package manager and no compiler is left"

writable=$(buildah run "$container" -- node -e "$(cat "$here/writable.cjs")")
[ "$writable" = "/data /tmp /var/tmp" ] || fail "user 10001 may write only in /data and the temporary folders; it may in: $writable"
ok "user 10001 may write only in /data and the temporary folders"

# From here on in a network of its own, with only loopback, and on a root that nobody can write.
export container root
buildah inspect --type image "$image" >"$work/facts.json"
unshare --mount --net --pid --fork --mount-proc bash "$here/image-runs.sh" "$work"

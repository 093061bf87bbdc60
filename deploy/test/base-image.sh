#!/usr/bin/env bash
# Makes a base image for deploy/Dockerfile where node:24-alpine cannot be pulled, out of what the package registries have:
# BusyBox, the C library and the C++ runtime of Debian; Node and npm of the npm registry. `buildah` must be set up by the caller.
#   base-image.sh TAG FOLDER    builds TAG in FOLDER, which must exist and be empty
set -euo pipefail
tag=$1 folder=$2
node_version=24.21.0 npm_version=11.21.2
node_package=node-linux-$(node -p process.arch)

root=$folder/root
mkdir -p "$folder/debian" "$folder/npm" "$root"/{dev,etc,proc,root,run,sys,tmp,usr/{bin,lib,lib64,sbin},usr/local/bin,usr/local/lib/node_modules,var/tmp}
for name in bin lib lib64 sbin; do ln -s "usr/$name" "$root/$name"; done
chmod 1777 "$root/tmp" "$root/var/tmp"
chmod 700 "$root/root"

(cd "$folder/debian" && apt-get -qq -o APT::Sandbox::User=root download busybox libc6 libgcc-s1 libstdc++6)
for package in "$folder"/debian/*.deb; do dpkg-deb --extract "$package" "$root"; done
# An applet never replaces an existing program.
chroot "$root" /bin/busybox --install -s

npm install --prefix "$folder/npm" --no-save --no-package-lock --ignore-scripts --silent "$node_package@$node_version" "npm@$npm_version"
cp "$folder/npm/node_modules/$node_package/bin/node" "$root/usr/local/bin/node"
cp -r "$folder/npm/node_modules/npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"

echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
# What an engine binds over in a running container must be there: else building would leave these files in a layer of the service.
touch "$root"/etc/{hostname,hosts,resolv.conf}
chown -R 0:0 "$root"

cat >"$folder/Dockerfile" <<'END'
FROM scratch
COPY root/ /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["node"]
END
buildah bud --quiet --format docker --file "$folder/Dockerfile" --tag "$tag" "$folder" >/dev/null
version_of() { dpkg-deb --field "$(compgen -G "$folder/debian/$1_*.deb")" Version; }
echo "BusyBox $(version_of busybox), libc6 $(version_of libc6), libstdc++6 $(version_of libstdc++6), Node $node_version, npm $npm_version"

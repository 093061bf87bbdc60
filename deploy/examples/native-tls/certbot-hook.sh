#!/bin/sh
# certbot calls this after each renewal. It copies the files to where the service may read them; the service does the rest.
set -eu
cd "$(dirname "$0")"
group=${MACP_AUTH_GROUP:-macp-auth}
install -d -m 0750 -g "$group" tls
for file in privkey.pem fullchain.pem; do
  install -m 0640 -g "$group" "$RENEWED_LINEAGE/$file" "tls/$file.next"
  mv "tls/$file.next" "tls/$file"
done

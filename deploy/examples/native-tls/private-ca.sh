#!/bin/sh
# Makes an authority of your own, once, and with each call a new certificate for the given name: private-ca.sh NAME
set -eu
umask 077
mkdir -p tls
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

# Keep ca.key where the service is not: anyone who has it can pretend to be the service.
if [ ! -e tls/ca.key ]; then
  openssl req -x509 $key -keyout tls/ca.key -out tls/ca.pem -days 3650 -subj "/CN=internal authority" \
    -addext "keyUsage=critical,keyCertSign,cRLSign"
fi

openssl req $key -keyout tls/next.key -out tls/next.csr -subj "/CN=$1"
printf 'subjectAltName=DNS:%s\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n' "$1" >tls/next.ext
openssl x509 -req -in tls/next.csr -CA tls/ca.pem -CAkey tls/ca.key -CAcreateserial -days 90 -extfile tls/next.ext -out tls/next.pem
mv tls/next.key tls/privkey.pem
mv tls/next.pem tls/fullchain.pem
rm tls/next.csr tls/next.ext

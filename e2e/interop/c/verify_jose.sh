#!/usr/bin/env bash
# One token a line in, one JSON answer a line out.
set -euo pipefail
JWKS_URL=$1 ISSUER=$2 AUDIENCE=$3 CACHE_SECONDS=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# docs/interop.md shows from here
set -o pipefail

fetch_keys() { # only if the last fetch is older than CACHE_SECONDS
  [ $((SECONDS - ${fetched_at:-0})) -lt "$CACHE_SECONDS" ] && [ -s jwks.json ] && return
  fetched_at=$SECONDS
  curl -fsS --max-time 5 -o jwks.next "$JWKS_URL" && mv jwks.next jwks.json
}

verify() { # prints the claims of token $1, or fails
  # `jose` also accepts forms other than a JWT, and uses a key for algorithms other than its own.
  [[ $1 =~ ^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$ ]] || return
  jose b64 dec -i - <<<"${1%%.*}" | jq -e '.alg == "RS256" or .alg == "ES256"' >/dev/null || return
  fetch_keys || return
  printf %s "$1" | jose jws ver -i - -k jwks.json -O claims.json || return
  jq -ce --arg iss "$ISSUER" --arg aud "$AUDIENCE" 'select(
    .iss == $iss and ([.aud] | flatten | index($aud)) and (.sub | type == "string")
    and (.exp | type == "number") and .exp > now and (.nbf // 0) <= now)' claims.json
}
# to here

while IFS= read -r token; do
  rm -f claims.json
  if verify "$token" >answer 2>why; then
    jq -c '{ accepted: true, sub }' answer
  else
    jq -cn --rawfile why why '{ accepted: false, reason: ($why | rtrimstr("\n")) }'
  fi
done

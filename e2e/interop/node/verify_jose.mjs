// docs/interop.md shows from here
import { createRemoteJWKSet, jwtVerify } from "jose";
import { AUDIENCE, answerEachLine, CACHE_SECONDS, ISSUER, JWKS_URL } from "./verifier.mjs";

const jwks = createRemoteJWKSet(new URL(JWKS_URL), { cacheMaxAge: CACHE_SECONDS * 1_000 });

async function verify(token) {
  const { payload } = await jwtVerify(token, jwks, {
    algorithms: ["RS256", "ES256"],
    issuer: ISSUER,
    audience: AUDIENCE,
    requiredClaims: ["exp", "sub"],
  });
  return payload;
}
// to here

await answerEachLine(verify);

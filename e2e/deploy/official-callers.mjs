// What the official MACP stack does with a running service: node official-callers.mjs URL. One line a guarantee.
// Its runtime fetches the JWKS over plain HTTP. Its playground asks for a token before each agent it starts, and gives up after
// five seconds; of the answer it reads only `token` and `expires_in_seconds`. Exit code 1 with the reason when one of them is not served.
import assert from "node:assert/strict";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";

const PLAYGROUND_MS_MAX = 5_000;
const url = (process.argv[2] ?? "").replace(/\/+$/, "");
const jwksUrl = `${url}/.well-known/jwks.json`;

const jwks = await fetch(jwksUrl, { redirect: "error", signal: AbortSignal.timeout(PLAYGROUND_MS_MAX) });
const { keys } = /** @type {import("jose").JSONWebKeySet} */ (await jwks.json());
assert.equal(jwks.status, 200);
assert.ok(
  keys.some(({ kty }) => kty === "RSA"),
  "the JWKS has no RSA key",
);
for (const key of keys) assert.deepEqual(Object.keys(key).sort(), ["alg", "e", "kid", "kty", "n", "use"]);
console.log("the runtime finds a JWKS of public keys over plain HTTP, without a redirect");

const scopes = {
  can_start_sessions: true,
  is_observer: false,
  allowed_modes: ["macp.mode.decision.v1", ""],
  max_open_sessions: 1,
};
const spawned = await mint({ sender: "fraud-agent", ttl_seconds: 3_600, scopes });
const { payload } = await verified(spawned.token);
assert.equal(spawned.expires_in_seconds, 3_600);
assert.equal(payload.sub, "fraud-agent");
assert.deepEqual(payload.macp_scopes, scopes);
console.log("the playground gets a token of an hour for an agent, which the runtime's JWKS verifies");

assert.equal((await mint({ sender: "admin" })).expires_in_seconds, 3_600);
assert.equal((await mint({ sender: "admin", ttl_seconds: 86_400 })).expires_in_seconds, 7_200);
console.log("a token lives for 3600 s when the playground names no time, and for 7200 s at most");

const kid = keys[0]?.kid;
const burst = await Promise.all(Array.from({ length: 50 }, (_, agent) => mint({ sender: `agent-${agent}` })));
for (const { token } of burst) assert.equal(decodeProtectedHeader(token).kid, kid);
console.log("a burst of 50 agents gets its tokens in time, all signed by a key that the runtime knows");

/**
 * As the playground does it: no credentials, no retry, and anything but 2xx is a failed start of an agent.
 * @param {object} body
 */
async function mint(body) {
  const answer = await fetch(`${url}/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PLAYGROUND_MS_MAX),
  });
  assert.ok(answer.ok, `POST /tokens answered ${answer.status}`);
  const { token, expires_in_seconds } = /** @type {{ token: string, expires_in_seconds: number }} */ (
    await answer.json()
  );
  assert.equal(typeof token, "string");
  assert.ok(Number.isInteger(expires_in_seconds));
  return { token, expires_in_seconds };
}

/** @param {string} token */
function verified(token) {
  return jwtVerify(token, createRemoteJWKSet(new URL(jwksUrl)), {
    issuer: "macp-auth-service",
    audience: "macp-runtime",
    algorithms: ["RS256", "ES256"],
  });
}

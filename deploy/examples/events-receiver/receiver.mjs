// Receives the events of macp-auth, verifies them, and ends the live streams of what was revoked.
import { createServer } from "node:http";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const { EVENTS_JWKS_URL = "", EVENTS_ISSUER = "", EVENTS_AUDIENCE = "", PORT = "8080" } = process.env;
const REVOKED = "urn:macp:auth:event:revoked";
const EVENT_BYTES_MAX = 1_000_000;

const keys = createRemoteJWKSet(new URL(EVENTS_JWKS_URL));
const rules = {
  issuer: EVENTS_ISSUER,
  audience: EVENTS_AUDIENCE,
  typ: "secevent+jwt",
  algorithms: ["ES256"],
};

/** The live streams: what their token says (`jti`, `sub`, `iat`, and `kid` of its header), and how they end. Your program fills it. */
const streams = new Set([
  { jti: "a-token-id", sub: "agent://planner", iat: 0, kid: "a-key", end: () => undefined },
]);

/**
 * Whether an event stops the token: its id is listed, or the token itself says what was revoked.
 * @param {{ kind: string, subject: string, cut_off: number, tokens: readonly string[] }} event
 * @param {{ jti: string, sub: string, iat: number, kid: string }} token
 */
function stops({ kind, subject, cut_off: cutOff, tokens }, { jti, sub, iat, kid }) {
  const isNamed =
    (kind === "sender" && sub === subject && iat <= cutOff) || (kind === "kid" && kid === subject);
  return isNamed || tokens.includes(jti);
}

/** @param {string} text */
async function receive(text) {
  const { payload } = await jwtVerify(text, keys, rules);
  const event = /** @type {any} */ (payload["events"])?.[REVOKED];
  const stopped = event === undefined ? [] : [...streams].filter((stream) => stops(event, stream));
  for (const stream of stopped) {
    stream.end();
    streams.delete(stream);
  }
  console.log(JSON.stringify({ jti: payload.jti, events: payload["events"], ended: stopped.length }));
}

const server = createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) if (text.length <= EVENT_BYTES_MAX) text += chunk;
  try {
    await receive(text);
    response.writeHead(202).end();
  } catch (error) {
    // What cannot be judged now is sent again; a text that is no event of this service is not.
    const isNoEvent = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout);
    const err = error instanceof errors.JWKSNoMatchingKey ? "invalid_key" : "invalid_request";
    response.writeHead(isNoEvent ? 400 : 503, { "content-type": "application/json" });
    response.end(JSON.stringify(isNoEvent ? { err, description: error.code } : {}));
  }
});
server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`listening on ${JSON.stringify(server.address())}`);
});

import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** @param {string} name */
const built = (name) => import(new URL(`../../service/dist/${name}.js`, import.meta.url).href);

/**
 * What remembered tokens take, and how long the decision about a new and about a known one takes, without HTTP.
 * @param {number} count
 */
export async function rememberedTokens(count) {
  const { rememberedVerify } = await built("guard/remembered");
  const { check } = await built("guard/check");
  const { ownKeysOf } = await built("tokens/own-keys");
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "bench", alg: "ES256", use: "sig" };
  const now = Math.floor(Date.now() / 1_000);
  const token = (/** @type {number} */ index) => {
    const payload = {
      macp_scopes: { can_start_sessions: true, allowed_modes: ["macp.mode.decision.v1"] },
      sub: `agent://bench/${index}`,
      iss: "macp-auth-service",
      aud: "macp-runtime",
      iat: now,
      exp: now + 3_600,
      jti: randomBytes(16).toString("base64url"),
    };
    const input = [{ alg: "ES256", kid: "bench", typ: "JWT" }, payload]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    const key = { key: privateKey, dsaEncoding: /** @type {const} */ ("ieee-p1363") };
    return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
  };
  const deps = {
    verify: rememberedVerify({
      clock: { now: () => now },
      issuer: "macp-auth-service",
      ownKeys: ownKeysOf({ view: () => ({ jwks: { etag: "1", body: JSON.stringify({ keys: [jwk] }) } }) }),
      revocations: { isStopped: () => false, freshness: () => ({ ageMs: 0, isFresh: true }) },
    }),
    audience: ["macp-runtime"],
  };
  const required = { flags: [], modes: [] };
  const asked = Array.from({ length: count }, (_, index) => ({
    authorization: [`Bearer ${token(index)}`],
    required,
  }));
  const pass = async () => {
    const began = performance.now();
    for (const one of asked) {
      const { kind } = await check(deps, one);
      if (kind !== "allowed") throw new Error(kind);
    }
    return ((performance.now() - began) * 1_000) / count;
  };
  const before = mebibytes();
  const newUs = await pass();
  const mebibytesTaken = mebibytes() - before;
  await pass();
  return { newUs, knownUs: await pass(), mebibytes: mebibytesTaken };
}

function mebibytes() {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
}

import { createHash, createPublicKey, generateKeyPairSync, verify } from "node:crypto";

/** @typedef {"RS256" | "ES256"} Algorithm */
/** @typedef {{ alg: Algorithm, privateJwk: string, publicKey: import("node:crypto").KeyObject }} BenchKey */

/**
 * Makes a key for this run only: RSA of 2048 bits or P-256, as a private JWK in JSON.
 * @param {Algorithm} alg
 * @returns {BenchKey}
 */
export function makeBenchKey(alg) {
  const { privateKey } =
    alg === "RS256"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = privateKey.export({ format: "jwk" });
  const kid = createHash("sha256").update(JSON.stringify(jwk)).digest("base64url");
  return {
    alg,
    privateJwk: JSON.stringify({ ...jwk, kid, alg, use: "sig" }),
    publicKey: createPublicKey(privateKey),
  };
}

/**
 * The public half of a private JWK, as a JWK Set in JSON.
 * @param {string} privateJwk
 * @returns {string}
 */
export function publicSetOf(privateJwk) {
  const { kty, n, e, crv, x, y, kid, alg, use } = JSON.parse(privateJwk);
  return JSON.stringify({ keys: [{ kty, n, e, crv, x, y, kid, alg, use }] });
}

/**
 * Throws unless `token` is a JWS that the key verifies: a benchmark of wrong answers says nothing.
 * @param {BenchKey} key
 * @param {string} token
 */
export function checkToken(key, token) {
  const [header = "", payload = "", signature = ""] = token.split(".");
  const { alg } = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
  const good = verify(
    "sha256",
    Buffer.from(`${header}.${payload}`),
    { key: key.publicKey, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"),
  );
  if (!good || alg !== key.alg) throw new Error(`a token does not verify as ${key.alg}`);
}

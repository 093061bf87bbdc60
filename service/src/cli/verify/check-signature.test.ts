import { createHmac, generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import type { Algorithm } from "../../keys/algorithm.ts";
import type { ImportedKey } from "../../keys/import/import-key.ts";
import { localSigner } from "../../keys/signer.ts";
import { testKey } from "../../testing/test-keys.ts";
import { checkSignature } from "./check-signature.ts";
import { isAccepted } from "./finding.ts";
import { readToken } from "./read-token.ts";
import { readTrustedKeys } from "./trusted-keys.ts";

const es = testKey("es");
const other = testKey("other");
const rs = testKey("rs", "RS256");

async function signed(key: ImportedKey, header: object): Promise<string> {
  if (key.privateKey === undefined) throw new Error("a test key signs");
  const input = [header, { sub: "agent://a" }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = await localSigner(key.alg, key.privateKey).sign(Buffer.from(input));
  return `${input}.${signature.toString("base64url")}`;
}

async function check(token: string, keys: readonly object[]) {
  const read = readToken(token);
  const trusted = readTrustedKeys(JSON.stringify({ keys }));
  if (read.kind === "rejected" || trusted.kind === "rejected")
    throw new Error("the test's token and keys can be read");
  return checkSignature(read, trusted.keys);
}

test.each([
  ["es", es],
  ["rs", rs],
])("accepts the signature of the key that the kid names: %s", async (kid, key) => {
  const token = await signed(key, { alg: key.alg, kid });
  expect(await check(token, [other.publicJwk, es.publicJwk, rs.publicJwk])).toEqual([
    { verdict: "ok", about: "key", text: "its kid is in the set; the runtime tries only that key" },
    { verdict: "ok", about: "signature", text: `${key.alg}, by key ${kid}` },
  ]);
});

test("tries no other key when the kid is in the set", async () => {
  const token = await signed(es, { alg: "ES256", kid: "other" });
  expect(isAccepted(await check(token, [other.publicJwk, es.publicJwk]))).toBe(false);
});

test.each([
  ["no kid", { alg: "ES256" }, "it has no kid"],
  ["an unknown kid", { alg: "ES256", kid: "gone" }, "its kid gone is not in the set"],
])("tries every key in order for %s", async (_, header, why) => {
  const findings = await check(await signed(es, header), [rs.publicJwk, other.publicJwk, es.publicJwk]);
  expect(findings[0]?.text).toMatch(`${why}; the runtime tries all 3 keys in order`);
  expect(findings[1]).toEqual({ verdict: "ok", about: "signature", text: "ES256, by key es" });
});

test("rejects a token that was changed", async () => {
  const [header, , signature] = (await signed(es, { alg: "ES256", kid: "es" })).split(".");
  const claims = Buffer.from('{"sub":"agent://b"}').toString("base64url");
  expect(isAccepted(await check(`${String(header)}.${claims}.${String(signature)}`, [es.publicJwk]))).toBe(
    false,
  );
});

test.each(["none", "HS256", "PS256", "ES384", "EdDSA", "rs256", "noNE", 7, undefined])(
  "rejects the algorithm %s before any key is tried",
  async (alg) => {
    const token = await signed(es, { alg, kid: "es" });
    expect(await check(token, [es.publicJwk])).toMatchObject([{ verdict: "rejected", about: "algorithm" }]);
  },
);

test("rejects an HMAC made with the public key, under every algorithm name", async () => {
  const pem = rs.publicKey.export({ type: "spki", format: "pem" });
  for (const alg of ["HS256", "RS256"]) {
    const input = [{ alg, kid: "rs" }, { sub: "a" }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    const token = `${input}.${createHmac("sha256", pem).update(input).digest("base64url")}`;
    expect(isAccepted(await check(token, [rs.publicJwk]))).toBe(false);
  }
});

test("rejects crit, and a kid that is no text", async () => {
  expect(
    isAccepted(
      await check(await signed(es, { alg: "ES256", kid: "es", crit: ["b64"], b64: true }), [es.publicJwk]),
    ),
  ).toBe(false);
  expect(isAccepted(await check(await signed(es, { alg: "ES256", kid: 1 }), [es.publicJwk]))).toBe(false);
});

test.each(["jwk", "jku", "x5u", "x5c"])("never takes a key from the token's own %s", async (member) => {
  const stranger = testKey("es");
  const brings = {
    jwk: stranger.publicJwk,
    jku: "http://localhost/keys",
    x5u: "http://localhost/cert",
    x5c: ["MIIB"],
  }[member];
  const forged = await signed(stranger, { alg: "ES256", kid: "es", [member]: brings });
  expect(isAccepted(await check(forged, [es.publicJwk]))).toBe(false);
  const valid = await signed(es, { alg: "ES256", kid: "es", [member]: brings });
  expect(await check(valid, [es.publicJwk])).toContainEqual({
    verdict: "note",
    about: "header",
    text: `contains a key (${member}), which was not used`,
  });
});

test.each<[string, Algorithm, Algorithm]>([
  ["an RSA key", "ES256", "RS256"],
  ["an EC key", "RS256", "ES256"],
])("never verifies with %s under the other algorithm", async (_, alg, keyAlg) => {
  const key = keyAlg === "RS256" ? rs : es;
  const token = await signed(key, { alg, kid: key.kid });
  expect(isAccepted(await check(token, [key.publicJwk]))).toBe(false);
});

test("rejects an RSA key of fewer than 2048 bits", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const input = [{ alg: "RS256" }, { sub: "a" }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = await localSigner("RS256", privateKey).sign(Buffer.from(input));
  const token = `${input}.${signature.toString("base64url")}`;
  expect(isAccepted(await check(token, [publicKey.export({ format: "jwk" })]))).toBe(false);
});

test("reads a private key file as its public half, and skips keys that the runtime cannot use", () => {
  const read = readTrustedKeys(
    JSON.stringify({
      keys: [
        es.privateKey?.export({ format: "jwk" }),
        { kty: "oct", k: "c2VjcmV0" },
        { kty: "OKP" },
        7,
        null,
        { kty: "EC", crv: "P-384", x: "", y: "" },
      ],
    }),
  );
  expect(read).toMatchObject({ kind: "keys", symmetric: 1, keys: [{ alg: "ES256" }] });
  expect(JSON.stringify(read)).not.toContain('"d"');
  expect(readTrustedKeys(JSON.stringify(es.publicJwk))).toMatchObject({
    kind: "keys",
    keys: [{ kid: "es" }],
  });
});

test.each(["", "[]", "7", "null", '{"keys":{}}', '{"keys":[]}', '{"keys":[{"kty":"oct"}]}'])(
  "rejects a set without a usable key: %s",
  (text) => {
    expect(readTrustedKeys(text).kind).toBe("rejected");
  },
);

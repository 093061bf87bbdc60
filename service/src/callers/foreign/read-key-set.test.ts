import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { publicJwk } from "../../testing/issuers/test-issuer.ts";
import { readKeySet } from "./read-key-set.ts";

const read = (keys: readonly unknown[], more: object = {}) =>
  readKeySet(JSON.stringify({ keys, ...more }), "sig");

function rsa(bits = 2048, members: object = {}): Record<string, unknown> {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  return { ...publicKey.export({ format: "jwk" }), kid: "rsa", ...members };
}

describe("a key set of an issuer", () => {
  const RSA = rsa();
  const P384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "jwk" });
  const P521 = generateKeyPairSync("ec", { namedCurve: "P-521" }).publicKey.export({ format: "jwk" });
  const ED25519 = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  const EC = publicJwk("ec") as Record<string, string>;

  test("gives each key the algorithms that its type allows", () => {
    const outcome = read([RSA, EC, { ...P384, kid: "p384" }, { ...ED25519, kid: "ed" }]);

    expect(outcome).toMatchObject({
      keys: [
        { kid: "rsa", algorithms: ["RS256", "PS256", "RS384", "RS512"] },
        { kid: "ec", algorithms: ["ES256"] },
        { kid: "p384", algorithms: ["ES384"] },
        { kid: "ed", algorithms: ["EdDSA"] },
      ],
      skipped: [],
    });
  });

  test("gives a key with alg that algorithm only", () => {
    expect(read([{ ...RSA, alg: "PS256" }])).toMatchObject({ keys: [{ algorithms: ["PS256"] }] });
  });

  test.each([
    ["a secret key", { kty: "oct", k: "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U" }, "symmetric"],
    ["a public key with k", { ...EC, k: "AAAA" }, "symmetric"],
    ["a private EC key", { ...EC, d: "AAAA" }, "private"],
    ["a private RSA key", { ...RSA, p: "AAAA" }, "private"],
    ["a key for encryption", { ...EC, use: "enc" }, "other_use"],
    ["a key of SPIFFE", { ...EC, use: "jwt-svid" }, "other_use"],
    ["a key that only signs", { ...EC, key_ops: ["sign"] }, "other_use"],
    ["key_ops that is no list", { ...EC, key_ops: "verify" }, "other_use"],
    ["an unknown type", { kty: "AKP", alg: "ML-DSA-44", pub: "AAAA" }, "type_unknown"],
    ["a curve that no algorithm here uses", P521, "type_unknown"],
    ["a curve of another type", { ...EC, kty: "OKP" }, "type_unknown"],
    ["a curve named like a member of every object", { ...EC, crv: "constructor" }, "type_unknown"],
    ["no object", "key", "type_unknown"],
    ["null", null, "type_unknown"],
    ["an algorithm for encryption", { ...RSA, alg: "RSA-OAEP" }, "algorithm_unknown"],
    ["none", { ...EC, alg: "none" }, "algorithm_unknown"],
    ["HS256", { ...RSA, alg: "HS256" }, "algorithm_unknown"],
    ["another case of an algorithm", { ...EC, alg: "es256" }, "algorithm_unknown"],
    ["the algorithm of another type", { ...EC, alg: "RS256" }, "algorithm_of_other_type"],
    ["the algorithm of another curve", { ...EC, alg: "ES384" }, "algorithm_of_other_type"],
    ["a kid that is no text", { ...EC, kid: 7 }, "kid_invalid"],
    ["an empty kid", { ...EC, kid: "" }, "kid_invalid"],
    ["a kid of 257 characters", { ...EC, kid: "k".repeat(257) }, "kid_invalid"],
    ["RSA of 1024 bits", rsa(1024), "weak"],
    ["RSA of 8193 bits", { ...RSA, n: Buffer.alloc(1025, 0xff).toString("base64url") }, "weak"],
    ["an even exponent", { ...RSA, e: "AQAC" }, "weak"],
    ["the exponent 1", { ...RSA, e: "AQ" }, "weak"],
    ["the exponent 0", { ...RSA, e: "AA" }, "weak"],
    ["an exponent of 33 bits", { ...RSA, e: "AQAAAAE" }, "weak"],
    ["an even modulus", { ...RSA, n: Buffer.alloc(256, 0xfe).toString("base64url") }, "weak"],
    ["a modulus in plain base64", { ...RSA, n: "+/+/" }, "numbers_invalid"],
    ["no exponent", { ...RSA, e: undefined }, "numbers_invalid"],
    ["a short coordinate", { ...EC, x: "AAAA" }, "numbers_invalid"],
    ["a point that is not on the curve", { ...EC, y: EC["x"] }, "numbers_invalid"],
    [
      "an Ed25519 key of 31 bytes",
      { ...ED25519, x: Buffer.alloc(31, 1).toString("base64url") },
      "numbers_invalid",
    ],
  ])("skips %s, and not the key beside it", (_name, key, reason) => {
    const beside = publicJwk("beside");

    expect(read([key, beside])).toMatchObject({ keys: [{ kid: "beside" }], skipped: [reason] });
  });

  test.each([
    ["the list of keys", (key: string) => `{"keys":[],"keys":[${key}]}`],
    ["the list, once escaped", (key: string) => `{"keys":[${key}],"\\u006beys":[]}`],
    ["a kid", (key: string) => `{"keys":[${key.replace("{", '{"kid":"other",')}]}`],
    ["a coordinate", (key: string) => `{"keys":[${key.replace("{", '{"x":"AAAA",')}]}`],
    ["what nobody reads", (key: string) => `{"keys":[${key}],"more":[{"a":{"b":1,"b":1}}]}`],
  ])("that names %s twice is read by nobody, since programs differ in which one they use", (_, text) => {
    expect(readKeySet(text(JSON.stringify(EC)), "sig")).toBe("not_a_key_set");
  });

  test("may have no key that can be used: the issuer says so", () => {
    expect(read([])).toMatchObject({ keys: [], skipped: [] });
  });

  test.each([
    ["not JSON", "<html>"],
    ["a list", "[]"],
    ["null", "null"],
    ["no keys", "{}"],
    ["keys that are no list", '{"keys":{"0":{}}}'],
    ["deep nesting", `{"keys":${"[".repeat(50_000)}`],
  ])("is rejected whole when it is %s", (_name, text) => {
    expect(readKeySet(text, "sig")).toBe("not_a_key_set");
  });

  test("is rejected whole when two keys that can be used have one kid", () => {
    expect(read([publicJwk("same"), publicJwk("same")])).toBe("kid_repeated");
    expect(read([publicJwk("same"), publicJwk("same", { use: "enc" })])).toMatchObject({
      skipped: ["other_use"],
    });
    expect(read([publicJwk(undefined), publicJwk(undefined)])).toMatchObject({ keys: [{}, {}] });
  });

  test("has at most 100 keys, and is not read further when it has more", () => {
    const flood = Array.from({ length: 100_000 }, () => ({}));
    expect(read(flood)).toBe("too_many_keys");
    expect(read(flood.slice(0, 101))).toBe("too_many_keys");
    expect(read(flood.slice(0, 100))).toMatchObject({ keys: [] });
  });
});

describe("a SPIFFE bundle", () => {
  const bundle = (keys: readonly unknown[], more: object = {}) =>
    readKeySet(JSON.stringify({ keys, ...more }), "jwt-svid");

  test("gives only the keys for JWT-SVIDs", () => {
    const outcome = bundle(
      [
        publicJwk("jwt", { use: "jwt-svid" }),
        publicJwk("x509", { use: "x509-svid" }),
        publicJwk("none"),
        publicJwk("sig", { use: "sig" }),
        publicJwk(undefined, { use: "jwt-svid" }),
      ],
      { spiffe_sequence: 12, spiffe_refresh_hint: 600 },
    );

    expect(outcome).toMatchObject({
      keys: [{ kid: "jwt" }],
      skipped: ["other_use", "other_use", "other_use", "kid_invalid"],
      sequence: 12,
      refreshHintSeconds: 600,
    });
  });

  test.each([-1, 1.5, "12", 2 ** 60, null])("is rejected whole with the sequence number %j", (sequence) => {
    expect(bundle([], { spiffe_sequence: sequence })).toBe("sequence_invalid");
  });

  test.each([-1, 1.5, "600", null])("without a valid refresh hint (%j) has none", (hint) => {
    expect(bundle([], { spiffe_refresh_hint: hint })).toMatchObject({ refreshHintSeconds: undefined });
  });
});

import { generateKeyPairSync, type JsonWebKey, type KeyExportOptions, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, test } from "vitest";
import { renderJwks } from "../key-view.ts";
import type { ImportFault } from "./import-fault.ts";
import { type ImportOutcome, importJwk, importKeys, thumbprintOf } from "./import-key.ts";
import { weaknessOf } from "./weak-rsa.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const rsaJwk = rsa.export({ format: "jwk" });
const ecJwk = ec.export({ format: "jwk" });
const publicOf = ({ kty, n, e, crv, x, y }: JsonWebKey): JsonWebKey =>
  JSON.parse(JSON.stringify({ kty, n, e, crv, x, y })) as JsonWebKey;

function faultsOf(outcome: ImportOutcome): readonly ImportFault[] {
  return outcome.kind === "rejected" ? outcome.faults : [];
}

describe("a signing key", () => {
  test("is read from a JWK, a JWK Set and PEM in PKCS#8, PKCS#1 and SEC1 form, as the same key", () => {
    const forms = [
      [
        rsa,
        JSON.stringify(rsaJwk),
        JSON.stringify({ keys: [rsaJwk] }),
        rsa.export({ type: "pkcs8", format: "pem" }),
        rsa.export({ type: "pkcs1", format: "pem" }),
      ],
      [
        ec,
        JSON.stringify(ecJwk),
        JSON.stringify({ keys: [ecJwk] }),
        ec.export({ type: "pkcs8", format: "pem" }),
        ec.export({ type: "sec1", format: "pem" }),
      ],
    ] as const;
    for (const [key, ...texts] of forms) {
      for (const text of texts) {
        const outcome = importKeys(`\uFEFF\n${text.toString()}\n`);
        expect(outcome.kind).toBe("imported");
        if (outcome.kind === "imported") expect(outcome.keys[0]?.privateKey?.equals(key)).toBe(true);
      }
    }
  });

  test("is named by its RFC 7638 thumbprint unless it has a kid of its own", async () => {
    const named = importJwk(JSON.stringify({ ...ecJwk, kid: "dev-key-1" }));
    const unnamed = importJwk(JSON.stringify(rsaJwk));
    expect(named).toMatchObject({ keys: [{ kid: "dev-key-1" }] });
    expect(unnamed).toMatchObject({
      keys: [{ kid: await calculateJwkThumbprint(publicOf(rsaJwk) as { kty: string }) }],
    });
  });

  test("has the thumbprint that RFC 7638 section 3.1 works out", () => {
    const n =
      "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    expect(thumbprintOf({ kty: "RSA", n, e: "AQAB" })).toBe("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  });

  test("shows its public members and nothing else", () => {
    const outcome = importKeys(JSON.stringify({ keys: [ecJwk, { ...rsaJwk, x5c: ["AA=="], ext: true }] }));
    const shown = outcome.kind === "imported" ? outcome.keys.map((key) => Object.keys(key.publicJwk)) : [];
    expect(shown).toEqual([
      ["kty", "crv", "x", "y", "kid", "alg", "use"],
      ["kty", "n", "e", "kid", "alg", "use"],
    ]);
  });
});

describe("a key is rejected with facts that say why and hold none of it,", () => {
  const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ format: "jwk" });
  const exponent3 = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 }).privateKey.export({
    format: "jwk",
  });
  const huge = { kty: "RSA", n: Buffer.alloc(1_025, 1).toString("base64url"), e: "AQAB" };
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey.export({ format: "jwk" });
  const otherEc = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
  const otherRsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
  const withoutQi = { ...rsaJwk, qi: undefined };
  const encrypted = (key: KeyObject, type: "pkcs8" | "pkcs1" | "sec1"): string =>
    key
      .export({ type, format: "pem", cipher: "aes-128-cbc", passphrase: "x" } as KeyExportOptions<"pem">)
      .toString();
  const DECRYPT = { reason: "pem_encrypted" } as const;
  const cases: readonly [string, unknown, ImportFault][] = [
    ["when it is no JSON", "{not json", { reason: "not_a_key", form: "json_damaged" }],
    ["when it is a list", [ecJwk], { reason: "not_a_key", form: "json_array" }],
    ["when it is symmetric", { kty: "oct", k: "c2VjcmV0LXNlY3JldC1zZWNyZXQ" }, { reason: "symmetric" }],
    ["when its kty is unknown", { kty: "OKP", crv: "Ed25519", x: "AA", d: "AA" }, { reason: "kty_unknown" }],
    [
      "when it is RSA of fewer than 2048 bits",
      small,
      { reason: "rsa_too_short", bits: 1024, bitsBound: 2048 },
    ],
    [
      "when it is RSA of more than the runtime's 8192 bits",
      huge,
      { reason: "rsa_too_long", bits: 8193, bitsBound: 8192 },
    ],
    ["when its public exponent is not 65537", exponent3, { reason: "exponent" }],
    ["when it is on another curve than P-256", p384, { reason: "curve" }],
    [
      "when its point is not on the curve",
      { ...ecJwk, y: ecJwk.x },
      { reason: "numbers_invalid", kty: "EC" },
    ],
    [
      "when a coordinate is short",
      { ...ecJwk, x: "AAAA" },
      { reason: "member_length", member: "x", bytes: 32 },
    ],
    [
      "when RSA private and public parts differ",
      { ...otherRsa, n: rsaJwk.n },
      { reason: "private_inconsistent" },
    ],
    ["when a private member is missing", withoutQi, { reason: "private_incomplete" }],
    ["when it has more than two primes", { ...rsaJwk, oth: [] }, { reason: "more_primes" }],
    ["when a member is not base64url", { ...ecJwk, d: "a+b/==" }, { reason: "member_invalid", member: "d" }],
    ["when kid is a number", { ...ecJwk, kid: 7 }, { reason: "kid_invalid" }],
    ["when kid is empty", { ...ecJwk, kid: "" }, { reason: "kid_invalid" }],
    ["when kid holds a control character", { ...ecJwk, kid: "a\nb" }, { reason: "kid_invalid" }],
    ["when kid is blank", { ...ecJwk, kid: " " }, { reason: "kid_invalid" }],
    ["when kid is blank in another script", { ...ecJwk, kid: "\u3000\u00a0" }, { reason: "kid_invalid" }],
    ["when it is a key and a set at once", { ...ecJwk, keys: [otherEc] }, { reason: "key_and_set" }],
    ["when it is a key and an empty set at once", { ...ecJwk, keys: [] }, { reason: "key_and_set" }],
    ["when use contradicts", { ...ecJwk, use: "enc" }, { reason: "use_invalid" }],
    ["when alg contradicts", { ...ecJwk, alg: "RS256" }, { reason: "alg_invalid", alg: "ES256" }],
    ["when key_ops forbids signing", { ...ecJwk, key_ops: ["verify"] }, { reason: "key_ops_invalid" }],
    ["when key_ops repeats itself", { ...ecJwk, key_ops: ["sign", "sign"] }, { reason: "key_ops_invalid" }],
    ["when a set is empty", { keys: [] }, { reason: "set_empty" }],
    ["when it is one public JWK", publicOf(ecJwk), { reason: "public_only" }],
    ["when it is one public RSA JWK", publicOf(rsaJwk), { reason: "public_only" }],
    [
      "when a set starts with a public key",
      { keys: [publicOf(ecJwk)] },
      { reason: "first_is_public", key: 1 },
    ],
    [
      "when a set names two keys alike",
      {
        keys: [
          { ...ecJwk, kid: "a" },
          { ...otherEc, kid: "a" },
        ],
      },
      { reason: "repeats", position: 1, key: 2 },
    ],
    [
      "when a set holds one key twice",
      {
        keys: [
          { ...ecJwk, kid: "a" },
          { ...ecJwk, kid: "b" },
        ],
      },
      { reason: "repeats", position: 1, key: 2 },
    ],
    ["when PEM is encrypted PKCS#8", encrypted(ec, "pkcs8"), DECRYPT],
    ["when PEM is encrypted PKCS#1", encrypted(rsa, "pkcs1"), DECRYPT],
    ["when PEM is encrypted SEC1", encrypted(ec, "sec1"), DECRYPT],
    ["when encrypted PEM has Windows line ends", encrypted(ec, "sec1").replaceAll("\n", "\r\n"), DECRYPT],
    [
      "when encrypted PEM follows the parameters of its curve",
      `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${encrypted(ec, "sec1")}`,
      DECRYPT,
    ],
    [
      "when one of two PEM keys is encrypted",
      `${encrypted(rsa, "pkcs1")}${encrypted(ec, "pkcs8")}`,
      { reason: "pem_several" },
    ],
    [
      "when PEM is never ended",
      "-----BEGIN PRIVATE KEY-----\n".repeat(20_000),
      { reason: "pem_without_end" },
    ],
    [
      "when PEM holds two keys",
      `${ec.export({ type: "pkcs8", format: "pem" }).toString()}${rsa.export({ type: "pkcs8", format: "pem" }).toString()}`,
      { reason: "pem_several" },
    ],
    [
      "when PEM is public",
      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
      { reason: "public_only" },
    ],
    [
      "when PEM is garbage",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
      { reason: "pem_damaged" },
    ],
  ];
  test.each(cases)("%s", (_name, value, fault) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const faults = faultsOf(importKeys(text));
    expect(faults).toEqual([fault]);
    for (const secret of [rsaJwk.d, rsaJwk.p, rsaJwk.q, ecJwk.d, small.d, otherRsa.d, "c2VjcmV0"])
      expect(JSON.stringify(faults)).not.toContain(secret);
  });

  test("when EC private and public parts differ, which some versions of OpenSSL find themselves", () => {
    const [fault, ...others] = faultsOf(importKeys(JSON.stringify({ ...ecJwk, d: otherEc.d })));
    expect(others).toEqual([]);
    expect(["private_not_of_public", "numbers_invalid"]).toContain(fault?.reason);
  });

  test("when it is a set where one JWK is asked for", () => {
    expect(faultsOf(importJwk(JSON.stringify({ keys: [ecJwk] })))).toEqual([
      { reason: "set_in_place_of_key" },
    ]);
  });

  test("when it is a key and a set at once where one JWK is asked for", () => {
    expect(faultsOf(importJwk(JSON.stringify({ ...ecJwk, keys: [otherEc] })))).toEqual([
      { reason: "key_and_set" },
    ]);
  });

  test.each(
    [
      "\u061c",
      "\u200b",
      "\u200e",
      "\u200f",
      "\u202a",
      "\u202e",
      "\u2028",
      "\u2029",
      "\u2060",
      "\u2066",
      "\u2069",
    ]
      .concat(["\ufeff", "\u0000", "\u001b", "\u007f", "\u009b", "\ud800"])
      .map((character) => [character.charCodeAt(0).toString(16), character]),
  )("when its kid hides the character U+%s, anywhere", (_code, character) => {
    for (const kid of [`a${character}b`, `${character}a`, `a${character}`, character])
      for (const jwk of [{ ...ecJwk, kid }, { keys: [ecJwk, { ...otherEc, kid }] }])
        expect(faultsOf(importKeys(JSON.stringify(jwk)))).toMatchObject([{ reason: "kid_invalid" }]);
  });

  test("but not for a kid in any script, with spaces or a backslash in it", () => {
    for (const kid of ["a b", "schlüssel-ä", "鍵", "مفتاح", "🔑", "a\\b", "\\", "k".repeat(256)])
      expect(importKeys(JSON.stringify({ ...ecJwk, kid }))).toMatchObject({ keys: [{ kid }] });
  });

  test("once for each of its faults", () => {
    const outcome = importKeys(JSON.stringify({ keys: [{ ...ecJwk, kid: 1, use: "enc" }, { kty: "oct" }] }));
    expect(faultsOf(outcome)).toEqual([
      { reason: "kid_invalid", key: 1 },
      { reason: "use_invalid", key: 1 },
      { reason: "symmetric", key: 2 },
    ]);
  });
});

describe("a key in another spelling is the same key", () => {
  const withZero = (member = ""): string =>
    Buffer.concat([Buffer.of(0), Buffer.from(member, "base64url")]).toString("base64url");
  /** The last of 43 characters for 32 bytes, and the last of 342 for 256, has bits that belong to no byte: this sets one of them. */
  const withStrayBit = (member = ""): string => {
    const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return member.slice(0, -1) + digits.charAt(digits.indexOf(member.slice(-1)) + 1);
  };
  const spellings: readonly [string, JsonWebKey, JsonWebKey][] = [
    ["a zero byte before n", rsaJwk, { ...rsaJwk, n: withZero(rsaJwk.n) }],
    ["a zero byte before e", rsaJwk, { ...rsaJwk, e: "AAEAAQ" }],
    ["a stray bit behind n", rsaJwk, { ...rsaJwk, n: withStrayBit(rsaJwk.n) }],
    ["a stray bit behind x", ecJwk, { ...ecJwk, x: withStrayBit(ecJwk.x) }],
    ["a stray bit behind y", ecJwk, { ...ecJwk, y: withStrayBit(ecJwk.y) }],
  ];

  test.each(spellings)("with %s: served and named in the spelling of RFC 7518", async (_name, jwk, other) => {
    expect(publicOf(other)).not.toEqual(publicOf(jwk));
    const kid = await calculateJwkThumbprint(publicOf(jwk));
    for (const given of [other, publicOf(other)]) {
      const outcome = importJwk(JSON.stringify(given));
      const [key] = outcome.kind === "imported" ? outcome.keys : [];
      expect([key?.kid, key?.thumbprint]).toEqual([kid, kid]);
      const served = JSON.parse(renderJwks(key === undefined ? [] : [key.publicJwk]).body) as unknown;
      expect(served).toEqual({ keys: [{ ...publicOf(jwk), kid, alg: key?.alg, use: "sig" }] });
    }
  });

  test.each(spellings)("with %s: rejected beside itself, whatever their kids", (_name, jwk, other) => {
    const sets = [
      [jwk, other],
      [other, jwk],
      [jwk, publicOf(other)],
      [other, publicOf(jwk)],
      [jwk, { ...publicOf(other), kid: "another name" }],
    ];
    for (const keys of sets)
      expect(faultsOf(importKeys(JSON.stringify({ keys })))).toEqual([
        { reason: "repeats", position: 1, key: 2 },
      ]);
  });
});

describe("an RSA modulus is weak", () => {
  test("when its primes lie close together", () => {
    // Any two odd numbers without small factors that lie near each other show the structure; they need not be prime.
    const hasNoSmallFactor = (number: bigint): boolean => !/even|small/.test(weaknessOf(number) ?? "");
    let [one, other] = [(1n << 1023n) + 1n, (1n << 1023n) + 2n ** 400n + 1n];
    while (!hasNoSmallFactor(one)) one += 2n;
    while (!hasNoSmallFactor(other)) other += 2n;
    expect(weaknessOf(one * other)).toBe("close_primes");
  });
  test("when Fermat's method finds its primes in a hundred steps", () => {
    // (a - b)(a + b), where a lies about b²/2a above the root of the product: as many steps as that.
    const afterSteps = (steps: bigint): bigint => {
      const b = 2n ** 510n * 2n;
      let a = (b * b) / (2n * steps) + 1n;
      while (/even|small/.test(weaknessOf((a - b) * (a + b)) ?? "")) a += 1n;
      return (a - b) * (a + b);
    };
    expect(weaknessOf(afterSteps(90n))).toBe("close_primes");
    expect(weaknessOf(afterSteps(10_000n))).toBeUndefined();
  });
  test("when it is even or has a small factor", () => {
    expect(weaknessOf(2n ** 2047n)).toBe("even");
    expect(weaknessOf(3n * (2n ** 2046n + 1n))).toBe("small_factor");
  });
  test("and is not, when it was made by OpenSSL", () => {
    expect(
      weaknessOf(BigInt(`0x${Buffer.from(rsaJwk.n ?? "", "base64url").toString("hex")}`)),
    ).toBeUndefined();
  });
});

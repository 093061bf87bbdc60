import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ImportFault } from "./import-fault.ts";
import { type ImportOutcome, importJwk, importKeys } from "./import-key.ts";

const rsaJwk = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
const ecJwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });

function faultsOf(outcome: ImportOutcome): readonly ImportFault[] {
  return outcome.kind === "rejected" ? outcome.faults : [];
}
const INCONSISTENT = [{ reason: "private_inconsistent" }];

describe("RSA private numbers", () => {
  const other = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
  const names = ["d", "p", "q", "dp", "dq", "qi"] as const;

  test.each(names)("are rejected when only %s comes from another key, as JWK and as PEM", (name) => {
    const mixed = { ...rsaJwk, [name]: other[name] };
    const pem = createPrivateKey({ key: mixed, format: "jwk" }).export({ type: "pkcs1", format: "pem" });
    for (const text of [JSON.stringify(mixed), JSON.stringify({ keys: [ecJwk, mixed] }), pem.toString()]) {
      const faults = faultsOf(importKeys(text));
      expect(faults).toMatchObject(INCONSISTENT);
      for (const secret of names.flatMap((each) => [String(rsaJwk[each]), String(other[each])]))
        expect(JSON.stringify(faults)).not.toContain(secret);
    }
  });

  test.each([
    ["a prime is 1 and the other the modulus", { p: "AQ", q: rsaJwk.n }],
    ["a prime is 0", { p: "AA" }],
    ["the primes are exchanged, and their exponents not", { p: rsaJwk.q, q: rsaJwk.p }],
    [
      "the primes are exchanged, and the inverse not",
      { p: rsaJwk.q, q: rsaJwk.p, dp: rsaJwk.dq, dq: rsaJwk.dp },
    ],
    ["the private exponent is 1", { d: "AQ", dp: "AQ", dq: "AQ" }],
  ])("are rejected when %s", (_name, members) => {
    expect(faultsOf(importJwk(JSON.stringify({ ...rsaJwk, ...members })))).toEqual(INCONSISTENT);
  });

  test("are rejected when any of them is replaced by any other number", () => {
    const anyNumber = fc.uint8Array({ minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(fc.constantFrom(...names), anyNumber, (name, bytes) => {
        const broken = { ...rsaJwk, [name]: Buffer.from(bytes).toString("base64url") };
        expect(faultsOf(importJwk(JSON.stringify(broken)))).toEqual(INCONSISTENT);
      }),
    );
  });

  test("are accepted when they were made together, in every size and form", () => {
    fc.assert(
      fc.property(fc.constantFrom(2048, 2056, 2560, 3072), (modulusLength) => {
        const { privateKey } = generateKeyPairSync("rsa", { modulusLength });
        const jwk = JSON.stringify(privateKey.export({ format: "jwk" }));
        expect(importKeys(jwk).kind).toBe("imported");
        const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
        expect(importKeys(pem).kind).toBe("imported");
      }),
      { numRuns: 12 },
    );
  });

  test("are accepted with the private exponent modulo (p-1)(q-1) as well as modulo their least common multiple", () => {
    const number = (member: string | undefined): bigint =>
      BigInt(`0x${Buffer.from(member ?? "", "base64url").toString("hex")}`);
    const [p, q] = [number(rsaJwk.p), number(rsaJwk.q)];
    const phi = (p - 1n) * (q - 1n);
    // p-1 and q-1 are even, so that half of the product is a multiple of both: the other exponent that signs alike.
    const exponent = (number(rsaJwk.d) + phi / 2n) % phi;
    const d = Buffer.from(exponent.toString(16).padStart(512, "0"), "hex").toString("base64url");
    expect(d).not.toBe(rsaJwk.d);
    expect(importJwk(JSON.stringify({ ...rsaJwk, d })).kind).toBe("imported");
  });
});

import { generateKeyPairSync, type JsonWebKey } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { testKey } from "../../../testing/test-keys.ts";
import type { Answer } from "../../client/http-client.ts";
import type { Finding } from "../finding.ts";
import { judgeJwks, jwksComesInTime, jwksHasAStrongTag, jwksMayBeCachedBriefly } from "./jwks-rules.ts";

type Answered = Extract<Answer, { kind: "answered" }>;

const ec = testKey("ec").publicJwk;
const rsa = testKey("rsa", "RS256").publicJwk;
const rsaJwk = (bits: number): JsonWebKey =>
  generateKeyPairSync("rsa", { modulusLength: bits }).publicKey.export({ format: "jwk" });
const HEADERS = { "cache-control": "public, max-age=60", etag: '"abc"' };

function answered(override: Partial<Answered> = {}): Answered {
  return {
    kind: "answered",
    status: 200,
    headers: HEADERS,
    body: "{}",
    bodyIs: "whole",
    connectMs: 1,
    totalMs: 2,
    ...override,
  };
}

function serving(...keys: unknown[]): readonly Finding[] {
  return judgeJwks(answered({ body: JSON.stringify({ keys }) }));
}

function gradesOf(findings: readonly Finding[], check: string): string[] {
  return findings.filter((finding) => finding.check === check).map(({ grade }) => grade);
}

describe("a served key set", () => {
  test("of one labelled P-256 key, tagged and cached briefly, has nothing to fix", () => {
    expect(serving(ec).filter(({ grade }) => grade !== "ok")).toEqual([]);
  });

  test("with RSA-2048 is a warning, and with RSA-3072 none", () => {
    expect(gradesOf(serving(rsa), "jwks-strength")).toEqual(["warn"]);
    expect(gradesOf(serving({ ...rsaJwk(3072), kid: "a" }), "jwks-strength")).toEqual(["ok"]);
  });

  test.each(["d", "p", "q", "dp", "dq", "qi", "oth", "k"])(
    "fails when a key shows a member %s, whose value is not repeated",
    (name) => {
      const findings = serving({ ...ec, [name]: "c2VjcmV0LXZhbHVl" });
      expect(gradesOf(findings, "jwks-secrets")).toEqual(["fail"]);
      expect(JSON.stringify(findings)).not.toContain("c2VjcmV0");
    },
  );

  test("of a hundred keys is checked, and one of more keys is a failure", () => {
    const keys = Array.from({ length: 100 }, (_, index) => ({ ...ec, kid: String(index) }));
    expect(gradesOf(serving(...keys), "jwks-keys")).toEqual(["ok"]);
    expect(serving(...keys, ec).find(({ check }) => check === "jwks")).toMatchObject({
      grade: "fail",
      found: "the answer holds 101 keys, more than a verifier should try",
    });
  });

  test("fails for a symmetric key, also beside a valid one", () => {
    expect(gradesOf(serving(ec, { kty: "oct", k: "c2VjcmV0LXZhbHVl", kid: "s" }), "jwks-secrets")).toEqual([
      "fail",
    ]);
  });

  test.each([
    ["no key at all", []],
    ["members that are no keys", [null, 1, "x", [], {}]],
    ["only a symmetric key", [{ kty: "oct", k: "c2VjcmV0" }]],
    ["only an Ed25519 key", [{ kty: "OKP", crv: "Ed25519", x: "AAAA", kid: "o" }]],
    [
      "only a P-384 key",
      [generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "jwk" })],
    ],
    ["only an RSA key of 1024 bits", [rsaJwk(1024)]],
    ["an EC key that is not on its curve", [{ ...ec, y: ec.kty === "EC" ? ec.x : "" }]],
  ])("fails with %s: the runtime continues with its old set", (_name, keys) => {
    expect(gradesOf(serving(...keys), "jwks-keys")).toContain("fail");
  });

  test("fails for a weak key beside a valid one, because the runtime trusts every key", () => {
    expect(gradesOf(serving(ec, rsaJwk(1024)), "jwks-keys")).toEqual(["fail"]);
  });

  test("is a warning with a type of key that the runtime ignores", () => {
    expect(gradesOf(serving(ec, { kty: "OKP", crv: "Ed25519", x: "AAAA", kid: "o" }), "jwks-keys")).toEqual([
      "ok",
      "warn",
    ]);
  });

  test("fails for a repeated kid, and is a warning without one", () => {
    expect(gradesOf(serving(ec, { ...testKey("x").publicJwk, kid: "ec" }), "jwks-kids")).toEqual(["fail"]);
    expect(gradesOf(serving({ ...ec, kid: undefined }), "jwks-kids")).toEqual(["warn"]);
    expect(gradesOf(serving({ ...ec, kid: 7 }), "jwks-kids")).toEqual(["warn"]);
  });

  test("is a warning when a key does not say its alg and use, or says another", () => {
    for (const label of [{ alg: undefined }, { use: undefined }, { alg: "RS256" }, { use: "enc" }]) {
      expect(gradesOf(serving({ ...ec, ...label }), "jwks-labels")).toEqual(["warn"]);
    }
  });

  test("is a warning with more than four keys for one algorithm", () => {
    const keys = Array.from({ length: 5 }, (_, index) => testKey(String(index)).publicJwk);
    expect(gradesOf(serving(...keys.slice(1), rsa), "jwks-count")).toEqual(["ok"]);
    expect(gradesOf(serving(...keys, rsa), "jwks-count")).toEqual(["warn"]);
  });

  test("of more than a hundred keys fails before they are checked", () => {
    expect(gradesOf(serving(...Array.from({ length: 30_000 }, () => ({}))), "jwks")).toEqual(["fail"]);
  });

  test("never throws, whatever the document is", () => {
    fc.assert(
      fc.property(fc.json(), (body) => {
        expect(judgeJwks(answered({ body })).length).toBeGreaterThan(0);
      }),
    );
    const anyKey = fc.record(
      {
        kty: fc.constantFrom("RSA", "EC", "oct", 1, null),
        kid: fc.anything(),
        n: fc.base64String(),
        e: fc.constantFrom("AQAB", "", 3),
        crv: fc.constant("P-256"),
        x: fc.base64String(),
        y: fc.anything(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(anyKey), (keys) => {
        expect(serving(...keys).length).toBeGreaterThan(0);
      }),
    );
  });
});

describe("the answer that carries the key set", () => {
  test.each([301, 302, 307, 308])(
    "fails with a redirect (%i), which the runtime's client may not be able to follow",
    (status) => {
      const findings = judgeJwks(
        answered({ status, headers: { location: "https://auth.example/.well-known/jwks.json" } }),
      );
      expect(findings).toMatchObject([
        { grade: "fail", found: expect.stringContaining("https://auth.example") as string },
        { check: "jwks-time" },
        { grade: "skip" },
      ]);
    },
  );

  test.each([
    ["another status", { status: 503, body: JSON.stringify({ keys: [ec] }) }],
    ["too much", { bodyIs: "cut" as const }],
    ["no JSON", { body: "<html>" }],
    ["no key set", { body: '{"jwks":[]}' }],
    ["null", { body: "null" }],
  ])("fails with %s", (_name, override) => {
    expect(gradesOf(judgeJwks(answered(override)), "jwks")).toEqual(["fail"]);
  });

  test("fails when there is none", () => {
    expect(judgeJwks({ kind: "no-answer", code: "ECONNREFUSED", timeoutMs: 5_000 })).toMatchObject([
      { grade: "fail" },
    ]);
  });

  test("is a warning above one second, and fails above what the runtime gives: 3 to connect, 5 in all", () => {
    const gradeOf = (connectMs: number, totalMs: number) =>
      jwksComesInTime(answered({ connectMs, totalMs })).map(({ grade }) => grade);
    expect(gradeOf(3, 1_000)).toEqual(["ok"]);
    expect(gradeOf(3, 1_001)).toEqual(["warn"]);
    expect(gradeOf(3, 5_001)).toEqual(["fail"]);
    expect(gradeOf(3_000, 3_001)).toEqual(["warn"]);
    expect(gradeOf(3_001, 3_002)).toEqual(["fail"]);
  });

  test.each([
    ["ok", "public, max-age=60"],
    ["ok", "PUBLIC, MAX-AGE=300"],
    ["ok", 'max-age="300"'],
    ["warn", "public, max-age=301"],
    ["warn", "max-age=60, s-maxage=3600"],
    ["warn", "no-store"],
    ["warn", "no-store, max-age=60"],
    ["warn", "no-cache"],
    ["warn", ""],
  ])("has %s for Cache-Control: %s", (grade, value) => {
    expect(jwksMayBeCachedBriefly(answered({ headers: { "cache-control": value } }))).toMatchObject([
      { grade },
    ]);
  });

  test("is a warning without Cache-Control", () => {
    expect(jwksMayBeCachedBriefly(answered({ headers: {} }))).toMatchObject([{ grade: "warn" }]);
  });

  test("is a warning without a strong ETag", () => {
    expect(jwksHasAStrongTag(answered({ headers: { etag: '"abc"' } }))).toMatchObject([{ grade: "ok" }]);
    for (const headers of [{}, { etag: 'W/"abc"' }, { etag: "abc" }]) {
      expect(jwksHasAStrongTag(answered({ headers }))).toMatchObject([{ grade: "warn" }]);
    }
  });
});

import { sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { ImportedKey } from "../../keys/import/import-key.ts";
import { TestClock } from "../moments.ts";
import { testKey } from "../test-keys.ts";
import { allowsMode, type Identity, RuntimeDouble } from "./runtime-double.ts";

const [a, b, r] = [testKey("a"), testKey("b"), testKey("r", "RS256")] as const;
const settings = {
  issuer: "us",
  audience: "them",
  ttlSeconds: 300,
  graceSeconds: 3_600,
  expLeewaySeconds: 60,
};
const START = 1_800_000_000;
const good = { sub: "agent", iss: "us", aud: "them", exp: START + 300 };

function jwksOf(...keys: readonly ImportedKey[]): string {
  return JSON.stringify({ keys: keys.map((key) => key.publicJwk) });
}

function tokenBy(
  key: ImportedKey,
  claims: object = good,
  header: object = { alg: key.alg, kid: key.kid },
): string {
  const input = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  if (key.privateKey === undefined) throw new Error("the key cannot sign");
  return `${input}.${sign("sha256", Buffer.from(input), { key: key.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

/** A runtime whose next JWKS answers are given; the last one repeats. `"fail"`: no answer. */
function runtimeThatFetches(...answers: readonly string[]) {
  const clock = new TestClock(START);
  let fetches = 0;
  const fetch = (): Promise<string> => {
    const answer = answers[Math.min(fetches, answers.length - 1)] ?? "fail";
    fetches += 1;
    return answer === "fail" ? Promise.reject(new Error("no answer in time")) : Promise.resolve(answer);
  };
  const double = new RuntimeDouble(settings, { clock, stopwatch: { elapsed: () => clock.now() }, fetch });
  const verdict = async (token: string): Promise<string> => {
    const said = await double.check(`Bearer ${token}`);
    return said.kind === "rejected" ? said.reason : said.kind;
  };
  return { clock, double, verdict, fetches: () => fetches };
}

describe("the key set that it holds", () => {
  test("is used for T without another fetch, also for a kid that it does not know", async () => {
    const it = runtimeThatFetches(jwksOf(a), jwksOf(a, b));
    expect(await it.verdict(tokenBy(a))).toBe("accepted");
    it.clock.move(299);
    expect(await it.verdict(tokenBy(b))).toBe("signature");
    expect(it.fetches()).toBe(1);
    it.clock.move(1);
    expect(await it.verdict(tokenBy(b))).toBe("accepted");
    expect(it.fetches()).toBe(2);
  });

  test("is used until T and the grace are over while fetching fails, and each request fetches again", async () => {
    const it = runtimeThatFetches(jwksOf(a), "fail");
    const token = tokenBy(a, { ...good, exp: START + 9_999 });
    await it.verdict(token);
    it.clock.move(3_899);
    expect(await it.verdict(token)).toBe("accepted");
    expect(await it.verdict(token)).toBe("accepted");
    expect(it.fetches()).toBe(3);
    it.clock.move(1);
    expect(await it.verdict(token)).toBe("no_keys");
  });

  test.each([
    ["an empty set", JSON.stringify({ keys: [] })],
    ["a set without keys", "{}"],
    ["text that is no JSON", "<html>"],
    [
      "a set of keys that it cannot use",
      JSON.stringify({
        keys: [{ kty: "OKP", x: "AA" }, { kty: "EC", x: "", y: "AA" }, { kty: "RSA", n: "!!", e: "AQAB" }, 5],
      }),
    ],
  ])("outlives %s", async (_what, answer) => {
    const it = runtimeThatFetches(jwksOf(a), answer);
    await it.verdict(tokenBy(a));
    it.clock.move(301);
    expect(await it.verdict(tokenBy(a))).toBe("accepted");
    expect(it.double.fresh).toBe(false);
  });

  test("counts its age from the end of the fetch", async () => {
    const clock = new TestClock(START);
    const slow = (): Promise<string> => {
      clock.move(5);
      return Promise.resolve(jwksOf(a));
    };
    const double = new RuntimeDouble(settings, {
      clock,
      stopwatch: { elapsed: () => clock.now() },
      fetch: slow,
    });
    await double.keys();
    expect(double.held?.fetchedAt).toBe(START + 5);
  });

  test("is fetched once for many requests at a time", async () => {
    const it = runtimeThatFetches(jwksOf(a));
    const verdicts = await Promise.all(Array.from({ length: 10 }, () => it.verdict(tokenBy(a))));
    expect(new Set(verdicts)).toEqual(new Set(["accepted"]));
    expect(it.fetches()).toBe(1);
  });
});

describe("the key that checks a token", () => {
  test("is the one with its kid, and no other", async () => {
    const it = runtimeThatFetches(jwksOf(a, b));
    expect(await it.verdict(tokenBy(a, good, { alg: "ES256", kid: "b" }))).toBe("signature");
  });

  test.each([
    ["of an unknown kid", { alg: "ES256", kid: "z" }],
    ["without one", { alg: "ES256" }],
  ])("is any of the set for a token %s", async (_what, header) => {
    const it = runtimeThatFetches(jwksOf(r, a, b));
    expect(await it.verdict(tokenBy(b, good, header))).toBe("accepted");
  });

  test("must be of the token's algorithm", async () => {
    const it = runtimeThatFetches(jwksOf(r, a));
    expect(await it.verdict(tokenBy(r))).toBe("accepted");
    expect(await it.verdict(tokenBy(a, good, { alg: "RS256", kid: "a" }))).toBe("algorithm");
    expect(await it.verdict(tokenBy(a, good, { alg: "none" }))).toBe("algorithm");
  });

  test("needs no alg, use or crv in the JWKS, and is trusted whatever they say", async () => {
    const { kty, x, y } = a.publicJwk as { kty: string; x: string; y: string };
    const it = runtimeThatFetches(
      JSON.stringify({ keys: [{ kty, x, y, crv: "P-521", use: "enc", alg: "RS256" }] }),
    );
    expect(await it.verdict(tokenBy(a))).toBe("accepted");
  });

  test("is never a symmetric one, which still makes the set one that replaces the old", async () => {
    const it = runtimeThatFetches(jwksOf(a), JSON.stringify({ keys: [{ kty: "oct", k: "c2VjcmV0" }] }));
    await it.verdict(tokenBy(a));
    it.clock.move(300);
    expect(await it.verdict(tokenBy(a))).toBe("algorithm");
  });
});

describe("the claims", () => {
  const cases: readonly [string, object, string][] = [
    ["60 s past exp", { ...good, exp: START - 60 }, "accepted"],
    ["61 s past exp", { ...good, exp: START - 61 }, "expired"],
    ["exp with a fraction", { ...good, exp: START - 60.4 }, "accepted"],
    ["no exp", { ...good, exp: undefined }, "claims"],
    ["exp as text", { ...good, exp: "1900000000" }, "claims"],
    ["no sub", { ...good, sub: undefined }, "claims"],
    ["sub as a number", { ...good, sub: 5 }, "claims"],
    ["a lone surrogate in sub", { ...good, sub: "\ud800" }, "claims"],
    ["another issuer", { ...good, iss: "me" }, "issuer"],
    ["another audience", { ...good, aud: "me" }, "audience"],
    ["neither issuer nor audience", { sub: "agent", exp: good.exp }, "accepted"],
    ["its audience in a list", { ...good, aud: ["me", "them"] }, "accepted"],
    ["a list without it", { ...good, aud: [] }, "audience"],
    ["an audience that is neither text nor list", { ...good, aud: 5 }, "accepted"],
    ["nbf, iat and jti that make no sense", { ...good, nbf: good.exp, iat: "x", jti: [] }, "accepted"],
  ];
  test.each(cases)("with %s are %3$s", async (_what, claims, wanted) => {
    const it = runtimeThatFetches(jwksOf(a));
    expect(await it.verdict(tokenBy(a, claims))).toBe(wanted);
  });
});

describe("the scopes", () => {
  async function identityWith(scopes: unknown): Promise<Identity | undefined> {
    const said = await runtimeThatFetches(jwksOf(a)).double.check(
      `Bearer ${tokenBy(a, { ...good, macp_scopes: scopes })}`,
    );
    return said.kind === "accepted" ? said.identity : undefined;
  }
  const everything = {
    sender: "agent",
    can_start_sessions: true,
    can_manage_mode_registry: false,
    is_observer: false,
    allowed_modes: undefined,
    max_open_sessions: undefined,
  };

  test.each([
    [undefined],
    [null],
    [{}],
    [[]],
    [{ allowed_modes: null, can_start_sessions: null, unknown: 1 }],
  ])("%j give the defaults", async (scopes) => {
    expect(await identityWith(scopes)).toEqual(everything);
  });

  test("are read field by field", async () => {
    const scopes = {
      can_start_sessions: false,
      can_manage_mode_registry: true,
      is_observer: true,
      allowed_modes: ["m"],
      max_open_sessions: 0,
    };
    const read = {
      sender: "agent",
      can_start_sessions: false,
      can_manage_mode_registry: true,
      is_observer: true,
      allowed_modes: ["m"],
      max_open_sessions: 0,
    };
    expect(await identityWith(scopes)).toEqual(read);
    expect(await identityWith(Object.values(scopes))).toEqual(read);
  });

  test.each([
    ["none"],
    [1],
    [{ can_start_sessions: "yes" }],
    [{ is_observer: 1 }],
    [{ allowed_modes: "m" }],
    [{ allowed_modes: [1] }],
    [{ max_open_sessions: -1 }],
    [{ max_open_sessions: 1.5 }],
    [{ max_open_sessions: "1" }],
    [[true, false, false, [], 1, 1]],
  ])("%j reject the whole token", async (scopes) => {
    expect(await identityWith(scopes)).toBeUndefined();
  });

  test("name modes exactly: no wildcard, and an empty list allows none", () => {
    const identity = (allowed_modes: readonly string[] | undefined): Identity => ({
      ...everything,
      allowed_modes,
    });
    expect(allowsMode(identity(undefined), "any")).toBe(true);
    expect(allowsMode(identity(["*"]), "any")).toBe(false);
    expect(allowsMode(identity([]), "")).toBe(false);
    expect(allowsMode(identity([""]), "")).toBe(true);
  });
});

test.each([[undefined], [""], ["Basic x"], ["bearer a.b.c"], ["Bearer opaque"]])(
  "passes %j to the next resolver and fetches nothing",
  async (authorization) => {
    const it = runtimeThatFetches(jwksOf(a));
    expect(await it.double.check(authorization)).toEqual({ kind: "not_a_jwt" });
    expect(it.fetches()).toBe(0);
  },
);

test.each([["a.b"], ["a.b.c.d"], ["!.b.c"], ["e30.e30.e30"]])("rejects %s as malformed", async (token) => {
  expect(await runtimeThatFetches(jwksOf(a)).verdict(token)).toBe("malformed");
});

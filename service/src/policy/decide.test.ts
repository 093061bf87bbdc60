import { describe, expect, test } from "vitest";
import { ids, policyOf, type TestRequest, testDecision, testDeny, testGrant } from "../testing/policies.ts";

const decideWith = (grants: Parameters<typeof testGrant>[0][], request: TestRequest = {}) =>
  testDecision({ grants: grants.map(testGrant) }, request);

describe("nothing is granted that no grant gives", () => {
  test("a caller without a grant gets nothing", () => {
    expect(decideWith([], {})).toEqual({ kind: "rejected", reason: "no_grant", rule: undefined });
    expect(decideWith([{ callers: ids("other") }])).toMatchObject({ reason: "no_grant" });
    expect(testDecision({ grants: [testGrant({})] }, { caller: "toString" })).toMatchObject({
      reason: "no_grant",
    });
  });

  test("a sender that differs in one byte is another one", () => {
    for (const sender of [
      "agent://planner ",
      "agent://Planner",
      "agent://planner/",
      "agent:planner",
      "agent://plánner",
    ])
      expect(decideWith([{ senders: ["agent://planner"] }], { sender })).toMatchObject({
        reason: "sender_not_granted",
        rule: "g",
      });
  });

  test("a wildcard stands for no character that nobody sees; a name written out may hold it", () => {
    for (const sender of [
      "agent://a\u200b",
      "agent://a\u00a0b",
      "agent://a\n",
      "agent://\u202ea",
      "agent://a ",
      "agent:// a",
      "agent://a  b",
    ]) {
      for (const senders of [["agent://*"], ["**"], ["agent:/**"]])
        expect(decideWith([{ senders }], { sender })).toMatchObject({ reason: "sender_not_granted" });
      expect(decideWith([{ senders: [sender] }], { sender })).toMatchObject({ kind: "granted" });
    }
  });

  test("a template binds the sender to the caller's proof, and to nothing without the claim", () => {
    const grant = { senders: ["agent://{claims.namespace}/{claims.serviceaccount}/*"] };
    const claims = { namespace: "prod", serviceaccount: "planner" };
    const sender = "agent://prod/planner/1";
    expect(decideWith([grant], { claims, sender })).toMatchObject({ kind: "granted" });
    expect(decideWith([grant], { claims: { ...claims, namespace: "dev" }, sender })).toMatchObject({
      reason: "sender_not_granted",
    });
    expect(decideWith([grant], { claims: { namespace: "prod" }, sender })).toMatchObject({
      reason: "sender_not_granted",
    });
    expect(decideWith([grant], { claims: { ...claims, namespace: "*" }, sender })).toMatchObject({
      reason: "sender_not_granted",
    });
  });

  test("each claim that a grant requires must be met by the proof itself", () => {
    const grant = { claims: { ref: ["refs/heads/main", "refs/tags/*"], environment: ["prod"] } };
    const met = { ref: "refs/tags/v1", environment: "prod" };
    expect(decideWith([grant], { claims: met })).toMatchObject({ kind: "granted" });
    expect(decideWith([grant], { claims: { ...met, ref: "refs/heads/x" } })).toMatchObject({
      reason: "claims_not_met",
      claim: "ref",
    });
    expect(decideWith([grant], { claims: { ref: met.ref } })).toMatchObject({ claim: "environment" });
    expect(decideWith([{ claims: { toString: ["*"] } }])).toMatchObject({ reason: "claims_not_met" });
  });

  test("another audience than the service's own must be granted, and then its own too", () => {
    expect(decideWith([{}])).toMatchObject({ audience: "macp-runtime" });
    expect(decideWith([{}], { audience: "macp-runtime" })).toMatchObject({ kind: "granted" });
    expect(decideWith([{}], { audience: "other" })).toMatchObject({ reason: "audience_not_granted" });
    const grant = { audiences: ["https://runtime-*.example"] };
    expect(decideWith([grant], { audience: "https://runtime-7.example" })).toMatchObject({
      audience: "https://runtime-7.example",
    });
    expect(decideWith([grant])).toMatchObject({ reason: "audience_not_granted" });
  });

  test("an algorithm that is not listed is not granted", () => {
    expect(decideWith([{ algorithms: ["RS256"] }], { alg: "ES256" })).toMatchObject({
      reason: "algorithm_not_granted",
    });
    expect(decideWith([{ algorithms: ["RS256"] }], { alg: "RS256" })).toMatchObject({ kind: "granted" });
  });
});

describe("a deny", () => {
  const grants = [testGrant({ senders: ["**"], audiences: ["**"] })];
  test.each([
    ["of a sender", { senders: ["agent://root"] }],
    ["of senders by a pattern", { senders: ["agent://r*"] }],
    ["of a caller", { callers: ids("ci") }],
    ["of an audience", { audiences: ["macp-*"] }],
    ["of everything", {}],
  ])("%s wins over every grant", (_what, deny) => {
    expect(testDecision({ grants, denies: [testDeny(deny)] }, { sender: "agent://root" })).toEqual({
      kind: "rejected",
      reason: "denied",
      rule: "d",
    });
  });

  test.each([
    ["caller", { callers: ids("other"), senders: ["agent://root"] }],
    ["sender", { callers: ids("ci"), senders: ["agent://roots"] }],
    ["audience", { senders: ["agent://root"], audiences: ["other"] }],
  ])("matches only when its %s does", (_what, deny) => {
    expect(testDecision({ grants, denies: [testDeny(deny)] }, { sender: "agent://root" })).toMatchObject({
      kind: "granted",
    });
  });

  test("with a wildcard stands for invisible characters too", () => {
    const denies = [testDeny({ senders: ["agent://root*"] })];
    const exact = [testGrant({ senders: ["agent://root\u200b"] })];
    expect(testDecision({ grants: exact, denies }, { sender: "agent://root\u200b" })).toMatchObject({
      reason: "denied",
    });
  });
});

describe("the five scope fields are written out", () => {
  const NOTHING = {
    can_start_sessions: false,
    can_manage_mode_registry: false,
    is_observer: false,
    allowed_modes: [],
    max_open_sessions: 0,
  };
  const ANYTHING = {
    can_start_sessions: true,
    can_manage_mode_registry: true,
    is_observer: true,
    allowed_modes: undefined,
    max_open_sessions: undefined,
  };
  const SOME = { ...ANYTHING, is_observer: false, allowed_modes: ["a", "b"], max_open_sessions: 3 };

  test.each([
    ["nothing asked, nothing given", NOTHING, {}, NOTHING],
    [
      "nothing asked, anything given: the runtime's defaults",
      ANYTHING,
      {},
      {
        can_start_sessions: true,
        can_manage_mode_registry: false,
        is_observer: false,
        allowed_modes: null,
        max_open_sessions: null,
      },
    ],
    [
      "nulls ask for nothing by name",
      SOME,
      { can_start_sessions: null, is_observer: null, allowed_modes: null, max_open_sessions: null },
      {
        can_start_sessions: true,
        can_manage_mode_registry: false,
        is_observer: false,
        allowed_modes: ["a", "b"],
        max_open_sessions: 3,
      },
    ],
    [
      "less asked than given",
      SOME,
      {
        can_start_sessions: false,
        can_manage_mode_registry: true,
        allowed_modes: ["b"],
        max_open_sessions: 1,
      },
      {
        can_start_sessions: false,
        can_manage_mode_registry: true,
        is_observer: false,
        allowed_modes: ["b"],
        max_open_sessions: 1,
      },
    ],
    [
      "no mode asked of any",
      ANYTHING,
      { allowed_modes: [] },
      {
        can_start_sessions: true,
        can_manage_mode_registry: false,
        is_observer: false,
        allowed_modes: [],
        max_open_sessions: null,
      },
    ],
  ])("%s", (_what, most, scopes, wanted) => {
    const decision = decideWith([{ scopes: most }], { scopes });
    expect(decision).toMatchObject({ kind: "granted", narrowed: [] });
    expect(decision).toHaveProperty("scopes", wanted);
  });

  test.each([
    [{ can_start_sessions: true }, ["can_start_sessions"], {}],
    [{ can_manage_mode_registry: true }, ["can_manage_mode_registry"], {}],
    [{ is_observer: true }, ["is_observer"], {}],
    [{ allowed_modes: ["b", "c", ""] }, ["allowed_modes"], { allowed_modes: ["b"] }],
    [{ allowed_modes: ["*"] }, ["allowed_modes"], { allowed_modes: [] }],
    [{ max_open_sessions: 4 }, ["max_open_sessions"], { max_open_sessions: 3 }],
    [
      { is_observer: true, max_open_sessions: 9 },
      ["is_observer", "max_open_sessions"],
      { max_open_sessions: 3 },
    ],
  ])("more than the grant gives (%j) is rejected, or narrowed", (scopes, fields, narrowed) => {
    const most = { ...NOTHING, allowed_modes: ["a", "b"], max_open_sessions: 3 };
    expect(decideWith([{ scopes: most }], { scopes })).toEqual({
      kind: "rejected",
      reason: "scopes_exceeded",
      fields,
      rule: "g",
    });
    const decision = decideWith([{ scopes: most, onExcess: "narrow" }], { scopes });
    expect(decision).toMatchObject({ kind: "granted", narrowed: fields });
    expect(decision).toHaveProperty("scopes", { ...most, ...narrowed });
  });

  test("members that the runtime does not know pass unchanged where the grant says so, __proto__ included", () => {
    const scopes = JSON.parse('{"tenant":7,"__proto__":{"is_observer":true}}') as Record<string, unknown>;
    expect(decideWith([{}], { scopes })).toMatchObject({
      reason: "unknown_scope",
      fields: ["tenant", "__proto__"],
    });
    const decision = decideWith([{ unknownScopes: "allow" }], { scopes });
    const text = JSON.stringify("scopes" in decision ? decision.scopes : undefined);
    expect(text).toContain('"tenant":7,"__proto__":{"is_observer":true}');
    expect(text).toContain('"is_observer":false');
    // To leave a member out would be a token that nobody asked for.
    expect(decideWith([{ onExcess: "narrow" }], { scopes })).toMatchObject({ reason: "unknown_scope" });
  });

  test.each([[{ is_observer: "yes" }], [{ allowed_modes: [1] }], [{ max_open_sessions: -1 }], [[true]]])(
    "scopes that the runtime would reject (%j) are rejected",
    (scopes) => {
      expect(
        decideWith([{ onExcess: "narrow" }], { scopes: scopes as Record<string, unknown> }),
      ).toMatchObject({
        reason: "scopes_unreadable",
      });
    },
  );
});

describe("the TTL", () => {
  test.each([
    ["as requested", 60, 600, 60],
    ["the service's default when none is requested", undefined, 600, 300],
    ["the grant's maximum when the default is longer", undefined, 100, 100],
    ["the service's maximum when more is requested", 9_999, undefined, 3_600],
    ["rounded down to whole seconds", 60.9, 600, 60],
    ["never less than a second", 0.1, 600, 1],
  ])("is %s", (_what, ttlSeconds, maxTtlSeconds, wanted) => {
    expect(decideWith([{ maxTtlSeconds }], { ttlSeconds })).toMatchObject({
      ttlSeconds: wanted,
      narrowed: [],
    });
  });

  test("that is longer than the grant's maximum is rejected, or narrowed", () => {
    expect(decideWith([{ maxTtlSeconds: 600 }], { ttlSeconds: 9_999 })).toEqual({
      kind: "rejected",
      reason: "ttl_exceeded",
      ttlSeconds: 3_600,
      maxTtlSeconds: 600,
      rule: "g",
    });
    expect(decideWith([{ maxTtlSeconds: 600, onExcess: "narrow" }], { ttlSeconds: 601 })).toMatchObject({
      ttlSeconds: 600,
      narrowed: ["ttl_seconds"],
    });
  });
});

describe("of several grants", () => {
  test("the first that gives all wins, also over an earlier one that narrows", () => {
    const scopes = { max_open_sessions: 5 };
    const few = { ...testGrant({}).scopes, max_open_sessions: 1 };
    const grants = [
      { name: "narrow", scopes: few, onExcess: "narrow" as const },
      { name: "all" },
      { name: "other" },
    ];
    expect(decideWith(grants, { scopes })).toMatchObject({ grant: "all" });
    expect(decideWith(grants.slice(0, 1), { scopes })).toMatchObject({ grant: "narrow" });
  });

  test("the first that narrows is used when none gives all, and two are never merged", () => {
    const one = { ...testGrant({}).scopes, allowed_modes: ["a"] };
    const two = { ...testGrant({}).scopes, allowed_modes: ["b"] };
    const scopes = { allowed_modes: ["a", "b"] };
    expect(decideWith([{ scopes: one }, { scopes: two }], { scopes })).toMatchObject({
      reason: "scopes_exceeded",
    });
    const decision = decideWith(
      [
        { scopes: one, name: "reject" },
        { scopes: two, name: "second", onExcess: "narrow" },
        { scopes: one, name: "third", onExcess: "narrow" },
      ],
      { scopes },
    );
    expect(decision).toMatchObject({ grant: "second", scopes: { allowed_modes: ["b"] } });
  });

  test("the nearest miss is the reason, the first of those that are equally near", () => {
    const grants = [
      { name: "a", senders: ["x"] },
      { name: "b", maxTtlSeconds: 10 },
      { name: "c", maxTtlSeconds: 20 },
      { name: "d", algorithms: ["RS256" as const] },
    ];
    expect(decideWith(grants, { ttlSeconds: 60 })).toMatchObject({ reason: "ttl_exceeded", rule: "b" });
  });
});

test("a decision changes neither the policy nor the request", () => {
  const grant = testGrant({ onExcess: "narrow", scopes: { ...testGrant({}).scopes, allowed_modes: ["a"] } });
  const policy = policyOf({ grants: [Object.freeze(grant)] });
  Object.freeze(grant.scopes);
  Object.freeze(grant.scopes.allowed_modes);
  const scopes = Object.freeze({ allowed_modes: Object.freeze(["a", "b"]) });
  expect(testDecision(policy, { scopes })).toMatchObject({ kind: "granted" });
});

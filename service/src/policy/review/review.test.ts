import { describe, expect, test } from "vitest";
import {
  askedBy,
  compiledPolicy,
  ids,
  policyOf,
  type TestRequest,
  testDeny,
  testGrant,
} from "../../testing/policies.ts";
import type { Deny, Grant } from "../policy.ts";
import { checkExpectations, type ExpectedDecision } from "./check-expectations.ts";
import { diffPolicies } from "./diff-policies.ts";
import { explain } from "./explain.ts";
import { type CallerLintFacts, lintPolicy } from "./lint-policy.ts";

const MODEST = {
  can_start_sessions: true,
  can_manage_mode_registry: false,
  is_observer: false,
  allowed_modes: ["m"],
  max_open_sessions: 3,
};
const modest = (members: Partial<Grant> = {}): Grant => testGrant({ scopes: MODEST, ...members });

describe("explain", () => {
  const policy = compiledPolicy({
    grants: [
      testGrant({ name: "elsewhere", senders: ["agent://other"] }),
      testGrant({ name: "short", maxTtlSeconds: 10 }),
      testGrant({ name: "shorter", maxTtlSeconds: 5, onExcess: "narrow" }),
      testGrant({ name: "claimed", claims: { ref: ["main"] } }),
      testGrant({ name: "wide" }),
      testGrant({ name: "foreign", callers: ids("someone-else") }),
    ],
    denies: [testDeny({ name: "no-root", senders: ["agent://root"] })],
  });

  test("says of every grant of the caller, in order, what it says, those behind the chosen one included", () => {
    expect(explain(policy, ...askedBy({ ttlSeconds: 60 }))).toMatchObject({
      hash: policy.hash,
      decision: { kind: "granted", grant: "wide" },
      denies: [{ deny: "no-root", matches: false }],
      grants: [
        { grant: "elsewhere", outcome: "misses", miss: { reason: "sender_not_granted" } },
        { grant: "short", outcome: "misses", miss: { reason: "ttl_exceeded", maxTtlSeconds: 10 } },
        { grant: "shorter", outcome: "narrows", narrowed: ["ttl_seconds"] },
        { grant: "claimed", outcome: "misses", miss: { reason: "claims_not_met", claim: "ref" } },
        { grant: "wide", outcome: "allows" },
      ],
      nearest: [],
    });
  });

  test("names the nearest misses of a rejection, the nearest first", () => {
    const rejected = explain(policy, ...askedBy({ audience: "other" }));
    expect(rejected.nearest).toEqual(["short", "shorter", "wide"]);
    expect(rejected.decision).toMatchObject({ reason: "audience_not_granted", rule: "short" });
    expect(explain(policy, ...askedBy({ sender: "agent://root" }))).toMatchObject({
      decision: { reason: "denied", rule: "no-root" },
      denies: [{ matches: true }],
    });
    expect(explain(policy, ...askedBy({ caller: "nobody" }))).toMatchObject({
      decision: { reason: "no_grant" },
      grants: [],
      nearest: [],
    });
  });
});

describe("lint", () => {
  const known = (facts: Partial<CallerLintFacts> = {}): CallerLintFacts => ({
    isActive: true,
    claims: new Set(["namespace"]),
    hasBareGithubSubject: false,
    ...facts,
  });
  function findings(
    rules: { grants?: readonly Grant[]; denies?: readonly Deny[] },
    callers: Readonly<Record<string, CallerLintFacts>> = { ci: known() },
  ): readonly object[] {
    const named = Object.entries(callers).flatMap(([name, facts]) =>
      ids(name).map((id) => [id, facts] as const),
    );
    return lintPolicy(policyOf(rules), { callers: new Map(named), maxTtlSeconds: 3_600 });
  }
  const grant = (finding: object, name = "g") => ({ rule: "grant", name, ...finding });

  test("finds nothing in a modest policy", () => {
    const senders = ["agent://planner", "agent://{claims.namespace}/*"];
    expect(
      findings({ grants: [modest({ senders })], denies: [testDeny({ senders: ["agent://root"] })] }),
    ).toEqual([]);
  });

  test.each([
    ["every sender", { senders: ["x", "**"] }, { finding: "every_sender" }],
    ["every audience", { audiences: ["**"] }, { finding: "every_audience" }],
    ["every mode", { scopes: { ...MODEST, allowed_modes: undefined } }, { finding: "every_mode" }],
    [
      "unlimited sessions",
      { scopes: { ...MODEST, max_open_sessions: undefined } },
      { finding: "unlimited_sessions" },
    ],
    [
      "the mode registry",
      { scopes: { ...MODEST, can_manage_mode_registry: true } },
      { finding: "mode_registry" },
    ],
    ["unknown scopes", { unknownScopes: "allow" as const }, { finding: "unknown_scopes" }],
    [
      "a wildcard beside a template",
      { senders: ["agent://{claims.namespace}-*", "x"] },
      { finding: "wildcard_beside_template", sender: "agent://{claims.namespace}-*" },
    ],
    [
      "an invisible character",
      { senders: ["agent://a\u200b"] },
      { finding: "invisible_sender", sender: "agent://a\u200b" },
    ],
    [
      "a TTL that no token gets",
      { maxTtlSeconds: 9_999 },
      { finding: "ttl_beyond_service", maxTtlSeconds: 9_999 },
    ],
    ["a caller that is none", { callers: ids("ci", "who") }, { finding: "caller_unknown", caller: "who" }],
    [
      "a claim that no proof carries",
      { claims: { ref: ["x"] } },
      { finding: "claim_never_given", claim: "ref" },
    ],
    [
      "a template that no proof fills",
      { senders: ["{claims.sa}/x", "{claims.sa}/y"] },
      { finding: "claim_never_given", claim: "sa" },
    ],
  ])("finds a grant of %s", (_what, members, finding) => {
    expect(findings({ grants: [modest(members)] })).toEqual([grant(finding)]);
  });

  test("finds grants whose callers are all disabled or expired, and bare GitHub subjects", () => {
    const callers = { ci: known({ isActive: false, hasBareGithubSubject: true }) };
    expect(findings({ grants: [modest()] }, callers)).toEqual([
      grant({ finding: "no_active_caller" }),
      { rule: "caller", name: "ci", finding: "bare_github_subject" },
    ]);
  });

  test("finds what a deny makes dead, and a deny of everything", () => {
    const senders = ["agent://root", "agent://root/*"];
    const denies = [testDeny({ senders: ["agent://root", "agent://root/**"] })];
    expect(findings({ grants: [modest({ senders })], denies })).toEqual([
      grant({ finding: "always_denied", deny: "d" }),
    ]);
    expect(findings({ grants: [modest({ senders: [...senders, "x"] })], denies })).toEqual([]);
    expect(findings({ grants: [], denies: [testDeny({})] })).toEqual([
      { rule: "deny", name: "d", finding: "denies_everything" },
    ]);
  });

  test.each([
    ["the same again", {}, true],
    ["fewer senders", { senders: ["agent://planner/1", "agent://planner/x*"] }, true],
    ["fewer modes and sessions", { scopes: { ...MODEST, allowed_modes: [], max_open_sessions: 1 } }, true],
    ["a shorter TTL and another claim", { maxTtlSeconds: 60, claims: { namespace: ["x"] } }, true],
    ["another sender", { senders: ["agent://planner", "x"] }, false],
    ["a wider pattern", { senders: ["agent://*"] }, false],
    ["more modes", { scopes: { ...MODEST, allowed_modes: undefined } }, false],
    ["more sessions", { scopes: { ...MODEST, max_open_sessions: 4 } }, false],
    ["narrowing where the first rejects", { onExcess: "narrow" as const }, false],
    ["another caller", { callers: ids("ci", "b") }, false],
    ["another audience", { audiences: ["other"] }, false],
  ])("finds a grant behind one that gives as much: %s", (_what, members, isShadowed) => {
    const first = modest({ name: "first", senders: ["agent://planner", "agent://planner/**"] });
    const shadows = findings({ grants: [first, modest(members)] }, { ci: known(), b: known() }).filter(
      (one) => "by" in one,
    );
    expect(shadows).toEqual(isShadowed ? [grant({ finding: "shadowed", by: "first" })] : []);
  });
});

describe("diff", () => {
  test("says who gains, who loses and whose token is another one, over recorded requests", () => {
    const before = compiledPolicy({
      grants: [modest({ senders: ["a", "b", "c"], onExcess: "narrow" })],
    });
    const scopes = { ...MODEST, max_open_sessions: 1 };
    const after = compiledPolicy({
      grants: [modest({ senders: ["b", "c", "d"], onExcess: "narrow", scopes })],
    });
    const asks: readonly TestRequest[] = [
      { sender: "a" },
      { sender: "b" },
      { sender: "c", scopes: { max_open_sessions: 1 } },
      { sender: "d" },
      { sender: "e" },
      { sender: "a", caller: "other" },
    ];
    const recorded = asks.map(askedBy).map(([caller, request]) => ({ caller, request }));
    const diff = diffPolicies(before, after, recorded);
    expect(diff.same).toBe(3);
    expect(diff.changes.map(({ index, change }) => [index, change])).toEqual([
      [0, "lost"],
      [1, "different"],
      [3, "gained"],
    ]);
    expect(diff.callers).toEqual([{ caller: "ci", gained: 1, lost: 1, different: 1 }]);
    expect(diffPolicies(before, before, recorded)).toEqual({ same: asks.length, changes: [], callers: [] });
  });
});

describe("a table of expectations", () => {
  const policy = compiledPolicy({ grants: [modest({ onExcess: "narrow", maxTtlSeconds: 60 })] });
  const check = (request: TestRequest, expected: ExpectedDecision): readonly string[] => {
    const [caller, asked] = askedBy(request);
    const [result] = checkExpectations(policy, [{ caller, request: asked, expected }]);
    return result?.differs ?? ["no result"];
  };

  test("holds where each member that is named is as expected", () => {
    expect(check({}, { kind: "granted" })).toEqual([]);
    expect(
      check(
        { scopes: { max_open_sessions: 9 }, ttlSeconds: 61 },
        {
          kind: "granted",
          grant: "g",
          scopes: { max_open_sessions: 3, allowed_modes: ["m"] },
          ttlSeconds: 60,
          audience: "macp-runtime",
          narrowed: ["ttl_seconds", "max_open_sessions"],
        },
      ),
    ).toEqual([]);
    expect(check({ sender: "x" }, { kind: "rejected" })).toEqual([]);
    expect(check({ sender: "x" }, { kind: "rejected", reason: "sender_not_granted" })).toEqual([]);
  });

  test("names what is not", () => {
    expect(check({}, { kind: "rejected" })).toEqual(["kind"]);
    expect(check({ sender: "x" }, { kind: "granted" })).toEqual(["kind"]);
    expect(check({ sender: "x" }, { kind: "rejected", reason: "denied" })).toEqual(["reason"]);
    expect(
      check(
        {},
        {
          kind: "granted",
          grant: "h",
          scopes: { is_observer: true, allowed_modes: ["m"], tenant: 1 },
          ttlSeconds: 61,
          narrowed: ["is_observer"],
        },
      ),
    ).toEqual(["grant", "ttlSeconds", "scopes.is_observer", "scopes.tenant", "narrowed"]);
  });
});

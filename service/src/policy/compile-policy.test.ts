import { describe, expect, test } from "vitest";
import { callerId } from "../testing/callers.ts";
import { compiledPolicy, ids, policyOf, TEST_RULES, testDeny, testGrant } from "../testing/policies.ts";
import { compilePolicy } from "./compile-policy.ts";
import type { Deny, Grant, Policy } from "./policy.ts";
import { POLICY_BOUNDS } from "./policy-faults.ts";
import { hashPolicy } from "./policy-hash.ts";

function faultsOf(policy: Partial<Policy>): readonly object[] {
  const compiled = compilePolicy({ grants: [], denies: [], ...policy }, TEST_RULES);
  return compiled.kind === "invalid" ? compiled.faults : [];
}
const faultsOfGrant = (members: Partial<Grant>) => faultsOf({ grants: [testGrant(members)] });
const faultsOfDeny = (members: Partial<Deny>) => faultsOf({ denies: [testDeny(members)] });
const many = (count: number) => Array.from({ length: count }, (_, index) => String(index));

describe("a policy with a fault is rejected as a whole, and each fault has its place", () => {
  test.each([
    [{ name: "" }, "name", undefined, "name_invalid"],
    [{ name: "a\nb" }, "name", undefined, "name_invalid"],
    [{ callers: [] }, "callers", undefined, "list_empty"],
    [{ senders: [] }, "senders", undefined, "list_empty"],
    [{ audiences: [] }, "audiences", undefined, "list_empty"],
    [{ algorithms: [] }, "algorithms", undefined, "list_empty"],
    [{ senders: ["a", "b**"] }, "senders", 1, "double_star_in_segment"],
    [{ senders: ["a", "{claims.}"] }, "senders", 1, "template_malformed"],
    [{ senders: many(POLICY_BOUNDS.senders + 1) }, "senders", undefined, "list_too_long"],
    [{ audiences: ["{claims.ns}"] }, "audiences", 0, "template_not_allowed"],
    [{ claims: { ref: ["{claims.ns}"] } }, "claims", "ref", "template_not_allowed"],
    [{ claims: { ref: [] } }, "claims", "ref", "list_empty"],
    [{ maxTtlSeconds: 0 }, "max_ttl_seconds", undefined, "ttl_invalid"],
    [{ maxTtlSeconds: 1.5 }, "max_ttl_seconds", undefined, "ttl_invalid"],
    [{ maxTtlSeconds: Number.NaN }, "max_ttl_seconds", undefined, "ttl_invalid"],
    [
      { scopes: { ...testGrant({}).scopes, max_open_sessions: -1 } },
      "max_open_sessions",
      undefined,
      "sessions_invalid",
    ],
    [{ scopes: { ...testGrant({}).scopes, allowed_modes: ["\ud800"] } }, "allowed_modes", 0, "mode_invalid"],
  ])("%j", (members, field, item, fault) => {
    const { name } = testGrant(members);
    expect(faultsOfGrant(members)).toEqual([{ rule: "grant", index: 0, name, field, item, fault }]);
  });

  test("more claims than the bound", () => {
    const claims = Object.fromEntries(many(POLICY_BOUNDS.claims + 1).map((name) => [name, ["x"]]));
    expect(faultsOfGrant({ claims })).toMatchObject([{ field: "claims", fault: "list_too_long" }]);
  });

  test("a deny that could fail for want of a claim, or that matches nothing", () => {
    expect(faultsOfDeny({ senders: ["{claims.ns}"] })).toMatchObject([{ fault: "template_not_allowed" }]);
    for (const field of ["callers", "senders", "audiences"])
      expect(faultsOfDeny({ [field]: [] })).toMatchObject([{ rule: "deny", field, fault: "list_empty" }]);
  });

  test("two rules of one name, and all faults of all rules at once", () => {
    const grants = [testGrant({}), testGrant({ senders: ["***"] })];
    expect(faultsOf({ grants, denies: [testDeny({}), testDeny({})] })).toMatchObject([
      { rule: "grant", index: 1, fault: "name_repeated" },
      { rule: "grant", index: 1, fault: "double_star_in_segment" },
      { rule: "deny", index: 1, fault: "name_repeated" },
    ]);
  });

  test("an empty mode is none: the runtime asks for it for ambient signals", () => {
    expect(faultsOfGrant({ scopes: { ...testGrant({}).scopes, allowed_modes: [""] } })).toEqual([]);
  });
});

describe("a policy of many callers", () => {
  const grants = [
    testGrant({ name: "all", callers: ids("a", "b", "c") }),
    testGrant({ name: "some", callers: ids("a", "c", "a"), senders: ["agent://*"] }),
    testGrant({ name: "one", callers: ids("b") }),
  ];
  const compiled = compiledPolicy({ grants });
  const listOf = (name: string) => compiled.grantsByCaller.get(callerId(name));

  test("has for each caller its grants in their order, each once", () => {
    const namesOf = (id: string) => listOf(id)?.map(({ grant }) => grant.name);
    expect([namesOf("a"), namesOf("b"), namesOf("c")]).toEqual([
      ["all", "some"],
      ["all", "one"],
      ["all", "some"],
    ]);
  });

  test("holds one list for callers with the same grants, and once what several grants give", () => {
    expect(listOf("a")).toBe(listOf("c"));
    const [first, second] = listOf("a") ?? [];
    expect(first?.most).toBe(second?.most);
    expect(listOf("b")).not.toBe(listOf("a"));
  });
});

describe("the cost of a decision is bounded when the policy is loaded", () => {
  const copies = (count: number, members: Partial<Grant> = {}) =>
    policyOf({ grants: many(count).map(() => testGrant(members)) });

  test("by the grants of each caller", () => {
    const max = POLICY_BOUNDS.grantsPerCaller;
    expect(faultsOf(copies(max))).toEqual([]);
    expect(faultsOf(copies(max + 1, { callers: ids("ci", "ci", "b") }))).toEqual(
      ids("ci", "b").map((caller) => ({
        rule: "caller",
        caller,
        fault: "too_many_grants",
        count: max + 1,
        max,
      })),
    );
  });

  test("by the patterns of each caller, those of denies for all included; names cost nothing", () => {
    const max = POLICY_BOUNDS.patternsPerCaller;
    const patterns = many(max).map((name) => `${name}*`);
    const names = many(POLICY_BOUNDS.senders);
    expect(faultsOf({ grants: [testGrant({ senders: patterns })] })).toEqual([]);
    expect(faultsOf({ grants: [testGrant({ senders: names })] })).toEqual([]);
    const denies = [testDeny({ senders: ["x*"] })];
    expect(faultsOf({ grants: [testGrant({ senders: patterns })], denies })).toMatchObject([
      { fault: "too_many_patterns", count: max + 1 },
    ]);
    const others = [testDeny({ callers: ids("other"), senders: ["x*"] })];
    expect(faultsOf({ grants: [testGrant({ senders: patterns })], denies: others })).toEqual([]);
  });

  test("by those of audiences and of claims too", () => {
    const max = POLICY_BOUNDS.patternsPerCaller;
    const patterns = many(max - 1).map((name) => `${name}*`);
    const both = { audiences: patterns, claims: { ref: ["a*"] } };
    expect(faultsOf({ grants: [testGrant(both)] })).toEqual([]);
    expect(faultsOf({ grants: [testGrant({ ...both, senders: ["a*"] })] })).toMatchObject([
      { fault: "too_many_patterns", count: max + 1 },
    ]);
    expect(
      faultsOf({ grants: [testGrant({ ...both, claims: { ref: ["a*"], sha: ["b*"] } })] }),
    ).toMatchObject([{ count: max + 1 }]);
  });

  test("by the denies, those for all callers and its own together", () => {
    const max = POLICY_BOUNDS.deniesPerCaller;
    const denies = many(max).map((name) => testDeny({ name }));
    expect(faultsOf({ denies: [...denies, testDeny({ callers: ids("ci") })] })).toMatchObject([
      { caller: "ci", fault: "too_many_denies", count: max + 1 },
    ]);
    expect(faultsOf({ denies: [...denies, testDeny({})] })).toMatchObject([
      { caller: undefined, fault: "too_many_denies" },
    ]);
  });
});

describe("the hash of a policy", () => {
  const policy = policyOf({
    grants: [testGrant({ claims: { a: ["1"], b: ["2"] } }), testGrant({})],
    denies: [testDeny({ senders: ["x"] })],
  });
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== "object" || value === null) return value;
    const members = Object.entries(value).filter(([, inner]) => inner !== undefined);
    return Object.fromEntries(members.reverse().map(([name, inner]) => [name, reversed(inner)]));
  };

  test("is the same for another order of members, and for one that is absent", () => {
    expect(hashPolicy(policy)).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(reversed(policy))).not.toBe(JSON.stringify(policy));
    expect(hashPolicy(reversed(policy) as Policy)).toBe(hashPolicy(policy));
    expect(compilePolicy(policy, TEST_RULES)).toMatchObject({ policy: { hash: hashPolicy(policy) } });
  });

  test("is another one for another order of grants, and for each value that differs", () => {
    const [first, second] = policy.grants;
    if (first === undefined || second === undefined) throw new Error("two grants");
    const others: readonly Policy[] = [
      { ...policy, grants: [second, first] },
      { ...policy, denies: [] },
      { ...policy, grants: [{ ...first, maxTtlSeconds: 1 }, second] },
      { ...policy, grants: [{ ...first, claims: { a: ["2"], b: ["1"] } }, second] },
      { ...policy, grants: [{ ...first, senders: ["agent://planner", "x"] }, second] },
      { ...policy, grants: [{ ...first, senders: ['agent://planner","x'] }, second] },
    ];
    expect(new Set([policy, ...others].map(hashPolicy)).size).toBe(others.length + 1);
  });
});

import { describe, expect, test } from "vitest";
import { systemRandom } from "../../kernel/random.ts";
import { callerEntry, callerId, issuerEntry, OWN_ISSUER } from "../../testing/callers.ts";
import { hashSecret } from "../secrets/secret-hash.ts";
import { generateSecret } from "../secrets/secret-text.ts";
import { checkRegistry } from "./check-registry.ts";
import type { CallerEntry, IssuerEntry, WorkloadRule } from "./registry.ts";

const cluster = issuerEntry("cluster", { preset: "kubernetes" });
const actions = issuerEntry("actions", { preset: "github" });
const login = issuerEntry("login");

function faultsOf(
  callers: readonly CallerEntry[],
  issuers: readonly IssuerEntry[] = [cluster, actions, login],
) {
  return checkRegistry(
    { callers, issuers, clientCas: [] },
    { ownIssuer: OWN_ISSUER, reserved: [callerId("default")] },
  );
}
const caller = (id: string, ...workloads: readonly Partial<WorkloadRule>[]): CallerEntry =>
  callerEntry(id, {
    workloads: workloads.map((rule) => ({ issuer: "cluster", subject: "**", claims: {}, ...rule })),
  });
const reasonsOf = (...args: Parameters<typeof faultsOf>): readonly string[] =>
  faultsOf(...args).map(({ reason }) => reason);

describe("what is declared is checked as a whole", () => {
  test("and nothing is found in what is right", () => {
    expect(
      faultsOf([
        caller("a", { subject: "system:serviceaccount:prod:a" }),
        caller("b", { subject: "system:serviceaccount:prod:b" }),
      ]),
    ).toEqual([]);
  });

  test.each<[string, readonly CallerEntry[], readonly IssuerEntry[] | undefined, string]>([
    ["two callers of one id", [callerEntry("a"), callerEntry("a")], undefined, "caller_twice"],
    ["a caller that the settings make", [callerEntry("default")], undefined, "caller_reserved"],
    [
      "two issuers of one iss",
      [],
      [cluster, issuerEntry("other", { issuer: cluster.issuer })],
      "issuer_twice",
    ],
    [
      "two issuers of one name",
      [],
      [cluster, issuerEntry("cluster", { issuer: "https://x.example" })],
      "issuer_twice",
    ],
    ["our own iss", [], [issuerEntry("own", { issuer: OWN_ISSUER })], "issuer_is_own"],
    ["an iss that may be a caller's id", [], [issuerEntry("own", { issuer: "ci" })], "issuer_like_caller"],
    [
      "a trust domain with a path",
      [],
      [issuerEntry("own", { preset: "spiffe", issuer: "spiffe://a/b" })],
      "spiffe_issuer_invalid",
    ],
    ["no audience", [], [issuerEntry("own", { audience: "" })], "audience_missing"],
    ["no algorithm", [], [issuerEntry("own", { algorithms: [] })], "algorithms_missing"],
    ["a rule of no issuer", [caller("a", { issuer: "nobody" })], undefined, "issuer_undeclared"],
    ["a subject that is no pattern", [caller("a", { subject: "a**" })], undefined, "pattern_invalid"],
    ["a claim that is no pattern", [caller("a", { claims: { pod: [""] } })], undefined, "pattern_invalid"],
    [
      "a claim that the preset does not have",
      [caller("a", { claims: { repository: ["x"] } })],
      undefined,
      "claim_unknown",
    ],
    ["a claim without a value", [caller("a", { claims: { pod: [] } })], undefined, "claim_without_values"],
  ])("and finds %s", (_name, callers, issuers, reason) => {
    expect(reasonsOf(callers, issuers)).toEqual([reason]);
  });

  test("and finds a secret of two callers", () => {
    const random = systemRandom();
    const hash = hashSecret(random, generateSecret(random));
    expect(faultsOf([callerEntry("a", { secrets: [hash] }), callerEntry("b", { secrets: [hash] })])).toEqual([
      { reason: "secret_twice", caller: "b", other: "a" },
    ]);
  });
});

describe("a CI rule names what is nobody else's later", () => {
  const ci = (rule: Partial<WorkloadRule>) => reasonsOf([caller("ci", { issuer: "actions", ...rule })]);

  test.each<[string, Partial<WorkloadRule>]>([
    ["the id of the repository", { claims: { repository_id: ["74"], ref: ["refs/heads/*"] } }],
    ["the id of its owner", { claims: { repository_owner_id: ["65"] } }],
    ["the subject with ids", { subject: "repo:octo@65/app@74:ref:refs/heads/*" }],
  ])("by %s", (_name, rule) => {
    expect(ci(rule)).toEqual([]);
  });

  test.each<[string, Partial<WorkloadRule>]>([
    ["the name in the subject", { subject: "repo:octo/app:ref:refs/heads/main" }],
    ["the name in a claim", { claims: { repository: ["octo/app"] } }],
    ["a pattern of ids", { claims: { repository_id: ["7*"] } }],
  ])("and not by %s", (_name, rule) => {
    expect(ci(rule)).toEqual(["id_claim_missing"]);
  });
});

describe("two callers whom one token may prove are found", () => {
  const at = (subject: string, claims: WorkloadRule["claims"] = {}, issuer = "cluster") => ({
    subject,
    claims,
    issuer,
  });
  test.each<[string, Partial<WorkloadRule>, Partial<WorkloadRule>]>([
    ["one subject", at("system:serviceaccount:prod:a"), at("system:serviceaccount:prod:a")],
    ["a subject and a pattern", at("system:serviceaccount:prod:a"), at("system:serviceaccount:prod:*")],
    ["two patterns", at("system:serviceaccount:*:a"), at("system:serviceaccount:prod:*")],
    ["claims of different names", at("**", { namespace: ["prod"] }), at("**", { node: ["n"] })],
    [
      "a claim with a value in common",
      at("**", { namespace: ["a", "b"] }),
      at("**", { namespace: ["b", "c"] }),
    ],
    [
      "a claim and a pattern of it",
      at("**", { namespace: ["prod-eu"] }),
      at("**", { namespace: ["prod-*"] }),
    ],
    ["a rule and one without claims", at("**", { namespace: ["prod"] }), at("system:serviceaccount:prod:a")],
    [
      "a repository with ids and without",
      at("repo:octo@65/app@74:*:*", {}, "actions"),
      at("repo:octo/app:ref:x", { repository_id: ["74"] }, "actions"),
    ],
  ])("with %s", (_name, one, other) => {
    expect(faultsOf([caller("a", one), caller("b", other)])).toEqual([
      { reason: "rules_overlap", caller: "b", rule: 0, other: { caller: "a", rule: 0 } },
    ]);
    expect(reasonsOf([caller("b", other), caller("a", one)])).toEqual(["rules_overlap"]);
    expect(faultsOf([caller("a", one, other)])).toEqual([]);
  });

  test.each<[string, Partial<WorkloadRule>, Partial<WorkloadRule>]>([
    ["other subjects", at("system:serviceaccount:prod:*"), at("system:serviceaccount:dev:*")],
    ["other values of a claim", at("**", { namespace: ["a"] }), at("**", { namespace: ["b"] })],
    ["other patterns of a claim", at("**", { namespace: ["a-*"] }), at("**", { namespace: ["b-*"] })],
    ["other issuers", at("**"), at("**", {}, "login")],
    [
      "other owners of one name",
      at("repo:octo@65/app@74:**", {}, "actions"),
      at("repo:octo@66/app@75:**", {}, "actions"),
    ],
  ])("and not with %s", (_name, one, other) => {
    expect(faultsOf([caller("a", one), caller("b", other)])).toEqual([]);
  });

  test("among 10,000 callers without comparing them in pairs", () => {
    const callers = Array.from({ length: 10_000 }, (_, index) =>
      caller(`repo-${String(index)}`, at("**", { repository_id: [String(index)] }, "actions")),
    );
    const start = performance.now();
    expect(faultsOf(callers)).toEqual([]);
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

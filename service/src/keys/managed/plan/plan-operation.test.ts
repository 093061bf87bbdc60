import { describe, expect, test } from "vitest";
import { after } from "../../../kernel/clock.ts";
import { kidOf } from "../../../testing/forged.ts";
import {
  keySet,
  NOW,
  RULES,
  retiringKey,
  sighting,
  signingKey,
  standbyKey,
  untrackedFetches,
} from "../../../testing/managed-key-sets.ts";
import type { KeySet } from "../key-store.ts";
import type { ManagedKey } from "../managed-key.ts";
import { type Acceptance, type Operation, type OperationPlan, planOperation } from "./plan-operation.ts";
import type { RotationRules } from "./rotation-rules.ts";

function plan(
  set: KeySet,
  operation: Operation,
  accepted: readonly Acceptance[] = [],
  rules: RotationRules = RULES,
): OperationPlan {
  return planOperation(set, operation, rules, new Set(accepted));
}
/** The steps in words, or the refusal. */
function stepsOf(planned: OperationPlan): readonly string[] | OperationPlan {
  if (planned.kind === "rejected") return planned;
  return planned.steps.map((step) =>
    step.kind === "make" ? `make ${step.alg}` : `${step.kind} ${step.kid}`,
  );
}
const activate = (kid?: string): Operation => ({
  kind: "activate",
  kid: kid === undefined ? undefined : kidOf(kid),
});
const by = (kind: "taint" | "revoke", kid: string): Operation => ({
  kind,
  kid: kidOf(kid),
  reason: "leaked",
});
const retire = (kid: string): Operation => ({ kind: "retire", kid: kidOf(kid) });
const servedFor = (seconds: number, pausedSeconds = 0): ManagedKey =>
  standbyKey("new", { publishedFrom: after(NOW, -seconds), pausedSeconds });
const usual = [signingKey("old"), standbyKey("new")];

describe("prepare", () => {
  test("makes a standby key", () => {
    expect(plan(keySet(usual), { kind: "prepare", alg: "ES256" })).toEqual({
      kind: "planned",
      steps: [{ kind: "make", alg: "ES256", activate: false }],
    });
  });

  test("is rejected for an algorithm that no replica is configured for: rotation would remove the key again", () => {
    expect(plan(keySet(usual), { kind: "prepare", alg: "RS256" })).toMatchObject({
      kind: "rejected",
      reason: "wrong_state",
      state: "algorithm_unused",
      alg: "RS256",
    });
  });

  test("is rejected when verifiers would have to try more than four keys of the algorithm; keys that left the JWKS do not count", () => {
    const retired = retiringKey("gone", 9_999, { retiredFrom: NOW });
    const three = [...usual, retiringKey("c", 1)];
    expect(plan(keySet([...three, retired]), { kind: "prepare", alg: "ES256" }).kind).toBe("planned");
    const full = plan(keySet([...three, retiringKey("d", 1)]), { kind: "prepare", alg: "ES256" });
    expect(full).toMatchObject({
      kind: "rejected",
      reason: "too_many_keys",
      alg: "ES256",
      served: 4,
    });
  });
});

describe("activate", () => {
  test("activates the key that was served longest in the same step in which the old key ends", () => {
    const later = standbyKey("later", { publishedFrom: after(NOW, -8_000) });
    expect(stepsOf(plan(keySet([later, ...usual]), activate()))).toEqual(["deactivate old", "activate new"]);
    expect(stepsOf(plan(keySet([later, ...usual]), activate("later")))).toEqual([
      "deactivate old",
      "activate later",
    ]);
  });

  test("ends no key of another algorithm", () => {
    const keys = [signingKey("r", {}, "RS256"), signingKey("old"), standbyKey("new")];
    expect(stepsOf(plan(keySet(keys), activate()))).toEqual(["deactivate old", "activate new"]);
    expect(stepsOf(plan(keySet([signingKey("old"), standbyKey("r2", {}, "RS256")]), activate("r2")))).toEqual(
      ["activate r2"],
    );
  });

  test.each([
    ["there is no standby key", [signingKey("old")], undefined, { reason: "no_successor" }],
    [
      "the only standby key is for another algorithm",
      [signingKey("old"), standbyKey("r", {}, "RS256")],
      undefined,
      { reason: "no_successor" },
    ],
    ["the kid is unknown", usual, "other", { reason: "unknown_key" }],
    ["the key signs already", usual, "old", { reason: "wrong_state", state: "not_standby" }],
    [
      "the key signed before",
      [...usual, retiringKey("c", 9)],
      "c",
      { reason: "wrong_state", state: "not_standby" },
    ],
    [
      "the key was tainted",
      [...usual, standbyKey("c", { taintedFrom: NOW, retiringFrom: NOW })],
      "c",
      { reason: "wrong_state", state: "not_standby" },
    ],
    [
      "the key was revoked",
      [...usual, standbyKey("c", { revokedFrom: NOW, retiringFrom: NOW })],
      "c",
      { reason: "wrong_state", state: "not_standby" },
    ],
  ])("is rejected when %s", (_when, keys, kid, facts) => {
    const refusal = plan(keySet(keys), activate(kid), [
      "short-lead",
      "grace-risk",
      "verifiers-behind",
      "live-tokens",
    ]);
    expect(refusal).toEqual({ kind: "rejected", ...facts });
  });

  test.each([
    [429, "short-lead", 1],
    [430, "grace-risk", 3_600],
    [4_029, "grace-risk", 1],
  ])(
    "of a key that was served for %i s is rejected unless %s is accepted, and says for how long tokens would be rejected",
    (seconds, accept, waitSeconds) => {
      const refusal = plan(keySet([signingKey("old"), servedFor(seconds)]), activate());
      const facts = { reason: "not_ready", accept, servedSeconds: seconds, waitSeconds };
      expect(refusal).toEqual({ kind: "rejected", ...facts });
      expect(
        stepsOf(plan(keySet([signingKey("old"), servedFor(seconds)]), activate(), [accept as Acceptance])),
      ).toEqual(["deactivate old", "activate new"]);
    },
  );

  test("needs no acceptance from B2 on; accepting the greater risk includes the lesser; other acceptances do not help", () => {
    expect(plan(keySet([signingKey("old"), servedFor(4_030)]), activate()).kind).toBe("planned");
    expect(plan(keySet([signingKey("old"), servedFor(430)]), activate(), ["short-lead"]).kind).toBe(
      "planned",
    );
    expect(
      plan(keySet([signingKey("old"), servedFor(429)]), activate(), [
        "grace-risk",
        "verifiers-behind",
        "live-tokens",
      ]),
    ).toMatchObject({ accept: "short-lead" });
  });

  test("counts only time in which the key was served", () => {
    expect(plan(keySet([signingKey("old"), servedFor(4_129, 100)]), activate())).toMatchObject({
      accept: "grace-risk",
    });
    expect(plan(keySet([signingKey("old"), servedFor(4_130, 100)]), activate()).kind).toBe("planned");
  });

  test("requires no more than the lead that the operator has configured", () => {
    const rules = { ...RULES, leadSeconds: 1_000 };
    expect(plan(keySet([signingKey("old"), servedFor(999)]), activate(), [], rules)).toMatchObject({
      accept: "grace-risk",
    });
    expect(plan(keySet([signingKey("old"), servedFor(1_000)]), activate(), [], rules).kind).toBe("planned");
  });

  test("does not count the time in which no replica serves, although no change has counted it yet", () => {
    const rules = { ...RULES, leadSeconds: 1_000 };
    const set = (gap: number, served: number) =>
      keySet([signingKey("old"), servedFor(gap + served)], { servedAt: after(NOW, -gap) });
    expect(plan(set(600, 400), activate(), [], rules)).toMatchObject({ accept: "short-lead" });
    expect(plan(set(600, 999), activate(), [], rules)).toMatchObject({ accept: "grace-risk" });
    expect(plan(set(600, 1_000), activate(), [], rules).kind).toBe("planned");
  });

  test("needs no lead after a shutdown of B2, for a key that was published before it, where no key may sign", () => {
    const ended = signingKey("old", { notAfter: NOW });
    const gap = (seconds: number, old = ended) =>
      keySet([old, servedFor(seconds)], { servedAt: after(NOW, -seconds) });
    expect(plan(gap(4_029), activate()).kind).toBe("rejected");
    expect(plan(gap(4_030), activate()).kind).toBe("planned");
    expect(plan(gap(4_030, signingKey("old")), activate())).toMatchObject({ accept: "short-lead" });
    const late = keySet([ended, servedFor(4_029)], { servedAt: after(NOW, -4_030) });
    expect(plan(late, activate()).kind).toBe("rejected");
  });

  test("is held by known verifiers that lack the key where the gate is enforced, names them, and can be accepted", () => {
    const set = keySet([signingKey("old"), standbyKey("new", { publishedVersion: 5 })], {
      verifiers: [sighting("10.0.0.1", 4), sighting("10.0.0.2", 5)],
    });
    const enforced = { ...RULES, gate: "enforce" } as const;
    const refusal = plan(set, activate(), [], enforced);
    expect(refusal).toMatchObject({
      reason: "verifiers_behind",
      accept: "verifiers-behind",
      known: ["10.0.0.1"],
      untracked: [],
    });
    expect(plan(set, activate(), ["verifiers-behind"], enforced).kind).toBe("planned");
    expect(plan(set, activate(), [], { ...RULES, gate: "warn" }).kind).toBe("planned");
  });

  test("is held by untracked verifiers: says how many fetches, where from and for how long, and can be accepted", () => {
    const set = keySet([signingKey("old"), standbyKey("new", { publishedVersion: 5 })], {
      verifiers: [sighting("10.0.0.1", 5)],
      untracked: [untrackedFetches("10.0.0.1", 4, 30), untrackedFetches("10.0.0.1", 5)],
    });
    const enforced = { ...RULES, gate: "enforce" } as const;
    expect(plan(set, activate(), [], enforced)).toEqual({
      kind: "rejected",
      reason: "verifiers_behind",
      accept: "verifiers-behind",
      known: [],
      untracked: [{ address: "10.0.0.1", fetches: 3, behindSeconds: 4_000 }],
    });
    expect(plan(set, activate(), ["verifiers-behind"], enforced).kind).toBe("planned");
    expect(stepsOf(plan(set, by("revoke", "old"), [], enforced))).toEqual(["revoke old", "activate new"]);
  });
});

describe.each(["taint", "revoke"] as const)("%s", (kind) => {
  test("of the signing key activates its successor in the same step, whatever verifiers have fetched", () => {
    const set = keySet([signingKey("old"), standbyKey("new", { publishedVersion: 9 })], {
      verifiers: [sighting("10.0.0.1", 4)],
    });
    expect(stepsOf(plan(set, by(kind, "old"), [], { ...RULES, gate: "enforce" }))).toEqual([
      `${kind} old`,
      "activate new",
    ]);
  });

  test("activates the successor that was really served longest", () => {
    const paused = standbyKey("paused", { pausedSeconds: 100 });
    expect(stepsOf(plan(keySet([paused, ...usual]), by(kind, "old")))).toEqual([
      `${kind} old`,
      "activate new",
    ]);
  });

  test("of a key that does not sign needs no successor", () => {
    expect(stepsOf(plan(keySet([...usual, retiringKey("c", 9)]), by(kind, "c")))).toEqual([`${kind} c`]);
    expect(stepsOf(plan(keySet(usual), by(kind, "new")))).toEqual([`${kind} new`]);
  });

  test("carries its reason", () => {
    expect(plan(keySet(usual), by(kind, "new"))).toEqual({
      kind: "planned",
      steps: [{ kind, kid: "new", reason: "leaked" }],
    });
  });

  test.each([
    [429, "short-lead"],
    [4_029, "grace-risk"],
  ] as const)(
    "of the signing key, whose successor was served for %i s, is rejected unless %s is accepted",
    (seconds, accept) => {
      const set = keySet([signingKey("old"), servedFor(seconds)]);
      expect(plan(set, by(kind, "old"))).toMatchObject({ kind: "rejected", reason: "not_ready", accept });
      expect(stepsOf(plan(set, by(kind, "old"), [accept]))).toEqual([`${kind} old`, "activate new"]);
    },
  );

  test.each([
    ["the kid is unknown", usual, "other", { reason: "unknown_key" }],
    [
      "the key has left the JWKS",
      [...usual, retiringKey("c", 9_999, { retiredFrom: NOW })],
      "c",
      { reason: "wrong_state", state: "not_served" },
    ],
    [
      "the key was revoked before",
      [...usual, retiringKey("c", 9, { revokedFrom: NOW })],
      "c",
      { reason: "wrong_state", state: "not_served" },
    ],
    [
      "no standby key is of its algorithm",
      [signingKey("old"), retiringKey("c", 9), standbyKey("r", {}, "RS256")],
      "old",
      { reason: "no_successor" },
    ],
  ])("is rejected when %s", (_when, keys, kid, facts) => {
    const refusal = plan(keySet(keys), by(kind, kid), [
      "short-lead",
      "grace-risk",
      "verifiers-behind",
      "live-tokens",
    ]);
    expect(refusal).toEqual({ kind: "rejected", ...facts });
  });
});

test("the last key of the JWKS is never revoked: an empty set would make verifiers keep it", () => {
  const gone = [
    retiringKey("gone", 9_999, { retiredFrom: NOW }),
    retiringKey("bad", 9_999, { revokedFrom: NOW }),
  ];
  const refusal = plan(keySet([signingKey("only"), ...gone]), by("revoke", "only"), [
    "short-lead",
    "grace-risk",
    "live-tokens",
  ]);
  expect(refusal).toMatchObject({
    kind: "rejected",
    reason: "last_key",
  });
});

describe("retire", () => {
  test("removes a key when its last token has expired, or when it never signed", () => {
    expect(stepsOf(plan(keySet([...usual, retiringKey("c", 3_755)]), retire("c")))).toEqual(["retire c"]);
    expect(stepsOf(plan(keySet(usual), retire("new")))).toEqual(["retire new"]);
  });

  test("is rejected while tokens are valid, says for how long, and can be accepted", () => {
    const set = keySet([...usual, retiringKey("c", 3_700)]);
    expect(plan(set, retire("c"))).toMatchObject({
      reason: "live_tokens",
      accept: "live-tokens",
      liveSeconds: 55,
    });
    expect(plan(set, retire("c"), ["short-lead", "grace-risk"])).toMatchObject({ reason: "live_tokens" });
    expect(stepsOf(plan(set, retire("c"), ["live-tokens"]))).toEqual(["retire c"]);
  });

  test.each([
    ["the kid is unknown", "other", { reason: "unknown_key" }],
    ["the key signs", "old", { reason: "wrong_state", state: "signing" }],
    ["the key has left the JWKS", "gone", { reason: "wrong_state", state: "not_served" }],
  ])("is rejected when %s", (_when, kid, facts) => {
    const set = keySet([...usual, retiringKey("gone", 9_999, { retiredFrom: NOW })]);
    expect(plan(set, retire(kid), ["live-tokens"])).toEqual({ kind: "rejected", ...facts });
  });
});

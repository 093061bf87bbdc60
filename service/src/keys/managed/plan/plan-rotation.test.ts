import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { after } from "../../../kernel/clock.ts";
import {
  keySet,
  LONG_AGO,
  NOW,
  RULES,
  replica,
  retiringKey,
  sighting,
  signingKey,
  standbyKey,
  untrackedFetches,
} from "../../../testing/managed-key-sets.ts";
import type { KeyStep } from "../key-change.ts";
import type { KeySet } from "../key-store.ts";
import { KEYS_SERVED_MAX, planRotation } from "./plan-rotation.ts";
import type { RotationRules } from "./rotation-rules.ts";

/** A plan in words that a reader can compare. */
function planOf(set: KeySet, rules: RotationRules = RULES): readonly string[] {
  return planRotation(set, rules).steps.map(inWords);
}
function inWords(step: KeyStep): string {
  if (step.kind === "make") return `make ${step.alg}${step.activate ? " and activate" : ""}`;
  return step.kind === "pause" ? `pause ${step.kid} ${String(step.seconds)}` : `${step.kind} ${step.kid}`;
}
function alarmsOf(set: KeySet, rules: RotationRules = RULES) {
  return planRotation(set, rules).alarms;
}
const due = signingKey("old", { signingFrom: after(NOW, -RULES.periodSeconds) });

describe("a new store", () => {
  test("gets a key that signs at once, since no verifier holds a set that lacks it, and a successor", () => {
    expect(planOf(keySet([], { servedAt: undefined }))).toEqual(["make ES256 and activate", "make ES256"]);
  });

  test("gets them for each algorithm that a live replica signs with", () => {
    const replicas = [replica("one", "RS256"), replica("two", "ES256")];
    expect(planOf(keySet([], { servedAt: undefined, replicas }))).toEqual([
      "make RS256 and activate",
      "make RS256",
      "make ES256 and activate",
      "make ES256",
    ]);
  });

  test("in which an operator has prepared a key activates that key", () => {
    const old = standbyKey("prepared", { publishedFrom: after(NOW, -9_000) });
    expect(planOf(keySet([old], { servedAt: undefined }))).toContain("activate prepared");
    expect(planOf(keySet([standbyKey("prepared", { publishedFrom: NOW })]))).toEqual(["activate prepared"]);
  });
});

describe("between two rotations", () => {
  test("nothing is done while there is a standby key", () => {
    expect(planOf(keySet([signingKey("a"), standbyKey("b")]))).toEqual([]);
    expect(alarmsOf(keySet([signingKey("a"), standbyKey("b")]))).toEqual([]);
  });

  test.each([
    ["there is none", []],
    ["the successor was tainted", [standbyKey("b", { taintedFrom: NOW, retiringFrom: NOW })]],
    ["the successor was revoked", [standbyKey("b", { revokedFrom: NOW, retiringFrom: NOW })]],
    [
      "the only one is for another algorithm that a replica signs with",
      [standbyKey("r", {}, "RS256"), signingKey("s", {}, "RS256")],
    ],
  ])("a successor is made when %s", (_when, others) => {
    const replicas = [replica("one", "RS256"), replica("two", "ES256")];
    expect(planOf(keySet([signingKey("a"), ...others], { replicas }))).toContain("make ES256");
  });

  test("no successor is made that would be one key too many for verifiers to try, and that is an alarm", () => {
    const full = [signingKey("a"), ...["b", "c", "d"].map((kid) => retiringKey(kid, 10))];
    expect(full).toHaveLength(KEYS_SERVED_MAX);
    expect(planOf(keySet(full))).toEqual([]);
    expect(alarmsOf(keySet(full))).toEqual([{ kind: "too_many_keys", alg: "ES256" }]);
  });
});

describe("when the period is over", () => {
  test("the successor takes over in one step with the old key's end, and another successor is made", () => {
    expect(planOf(keySet([due, standbyKey("new")]))).toEqual([
      "deactivate old",
      "activate new",
      "make ES256",
    ]);
    expect(
      planOf(
        keySet([signingKey("old", { signingFrom: after(NOW, 1 - RULES.periodSeconds) }), standbyKey("new")]),
      ),
    ).toEqual([]);
  });

  test("the key that was served longest takes over", () => {
    const keys = [standbyKey("late", { publishedFrom: after(LONG_AGO, 1) }), due, standbyKey("early")];
    expect(planOf(keySet(keys))).toEqual(["deactivate old", "activate early"]);
  });

  test("the new key's tokens live two periods and the longest token at most, and the longest token life is stored", () => {
    const activate = planRotation(keySet([due, standbyKey("new")]), RULES).steps.find(
      (step) => step.kind === "activate",
    );
    expect(activate).toEqual({
      kind: "activate",
      kid: "new",
      lifeSeconds: 2 * 604_800 + 3_600,
      maxTtlSeconds: 3_600,
    });
  });

  test.each([
    [7_199, 0, []],
    [7_200, 0, ["deactivate old", "activate new", "make ES256"]],
    [7_299, 100, []],
    [7_300, 100, ["deactivate old", "activate new", "make ES256"]],
  ])("a key that was published %i s ago, %i s of them unserved, gives %j", (age, pausedSeconds, plan) => {
    expect(
      planOf(keySet([due, standbyKey("new", { publishedFrom: after(NOW, -age), pausedSeconds })])),
    ).toEqual(plan);
  });

  test("and no successor is ready, the old key continues to sign and an alarm says for how long it is overdue", () => {
    const late = signingKey("old", { signingFrom: after(NOW, -604_900) });
    const set = keySet([late, standbyKey("new", { publishedFrom: after(NOW, -10) })]);
    expect(planOf(set)).toEqual([]);
    expect(alarmsOf(set)).toEqual([{ kind: "overdue", alg: "ES256", kid: "old", sinceSeconds: 100 }]);
  });
});

describe("a key whose own end was fixed under a shorter period", () => {
  const young = signingKey("old", {
    signingFrom: after(NOW, -100),
    notAfter: after(NOW, RULES.timing.maxTtlSeconds + RULES.leadSeconds),
  });

  test("is replaced before its end, although its period is far from over", () => {
    expect(planOf(keySet([young, standbyKey("new")]))).toEqual([
      "deactivate old",
      "activate new",
      "make ES256",
    ]);
    const later = signingKey("old", { ...young, notAfter: after(young.notAfter ?? NOW, 1) });
    expect(planOf(keySet([later, standbyKey("new")]))).toEqual([]);
  });

  test("is an alarm when no successor is ready", () => {
    expect(alarmsOf(keySet([young, standbyKey("new", { publishedFrom: NOW })]))).toMatchObject([
      { kind: "overdue", kid: "old" },
    ]);
  });
});

describe("time in which no replica served the JWKS", () => {
  test("does not count towards a lead once it is longer than a replica may lag", () => {
    const planAfter = (gap: number, served: number) =>
      planOf(
        keySet([due, standbyKey("new", { publishedFrom: after(NOW, -gap - served) })], {
          servedAt: after(NOW, -gap),
        }),
      );
    const takenOver = ["deactivate old", "activate new", "make ES256"];
    expect(planAfter(60, 7_140)).toEqual(takenOver);
    expect(planAfter(61, 7_199)).toEqual(["pause new 61"]);
    expect(planAfter(61, 7_200)).toEqual(["pause new 61", ...takenOver]);
  });

  test("never costs a key more than its own age, however often it is counted", () => {
    const young = standbyKey("new", { publishedFrom: after(NOW, -100) });
    expect(planOf(keySet([signingKey("old"), young], { servedAt: after(NOW, -5_000) }))).toEqual([
      "pause new 100",
    ]);
    const counted = standbyKey("new", { publishedFrom: after(NOW, -100), pausedSeconds: 90 });
    expect(planOf(keySet([signingKey("old"), counted], { servedAt: after(NOW, -5_000) }))).toEqual([
      "pause new 10",
    ]);
    const spent = standbyKey("new", { publishedFrom: after(NOW, -100), pausedSeconds: 100 });
    expect(planOf(keySet([due, spent], { servedAt: after(NOW, -5_000) }))).toEqual([]);
  });

  test("is a key's whole age before the first service: a lead is time in the JWKS, not in the store", () => {
    const planAfter = (age: number) =>
      planOf(keySet([due, standbyKey("new", { publishedFrom: after(NOW, -age) })], { servedAt: undefined }));
    expect(planAfter(60)).toEqual([]);
    expect(planAfter(61)).toEqual(["pause new 61"]);
    expect(planAfter(7_300)).toEqual(["pause new 7300"]);
  });

  test("costs nothing for keys that sign or have signed", () => {
    expect(
      planOf(
        keySet([signingKey("a"), standbyKey("b"), retiringKey("c", 10)], { servedAt: after(NOW, -600) }),
      ),
    ).toEqual(["pause b 600"]);
  });
});

describe("after a shutdown of B2, when no verifier can hold a set that was served before it,", () => {
  const B2 = 4_030;
  const shutDown = (keys: KeySet["keys"], gap = B2): KeySet => keySet(keys, { servedAt: after(NOW, -gap) });
  const justPublished = (gap = B2): KeySet["keys"][number] =>
    standbyKey("new", { publishedFrom: after(NOW, -gap) });
  const ended = signingKey("old", { signingFrom: LONG_AGO, notAfter: after(NOW, -5) });

  test("the standby key signs at once, however short it was served, where the signing key has ended", () => {
    expect(planOf(shutDown([ended, justPublished()]))).toEqual([
      `pause new ${String(B2)}`,
      "deactivate old",
      "activate new",
      "make ES256",
    ]);
    expect(planOf(shutDown([ended, justPublished(B2 - 1)], B2 - 1))).toEqual([`pause new ${String(B2 - 1)}`]);
  });

  test.each([
    ["of its algorithm is due and may still sign", due],
    ["of another algorithm may sign", signingKey("other", {}, "RS256")],
  ])("the standby key waits for its lead where a key %s: nothing is lost by it", (_which, signing) => {
    const replicas = [replica("gone", "RS256", 9_000)];
    const set = { ...shutDown([signing, justPublished()]), replicas };
    expect(planOf(set)).not.toContain("activate new");
    expect(planOf(set)[0]).toBe(`pause new ${String(B2)}`);
  });

  test("the standby key waits for its lead while an imported key is served, which another service may have served meanwhile", () => {
    const imported = signingKey("imported", { ...ended, publishedFrom: LONG_AGO, signingFrom: LONG_AGO });
    const standby = standbyKey("new", { publishedFrom: after(NOW, -B2), publishedVersion: 2 });
    expect(planOf(shutDown([imported, standby]))).toEqual([`pause new ${String(B2)}`]);
    const left = { ...imported, retiringFrom: LONG_AGO, retiredFrom: LONG_AGO };
    expect(planOf(shutDown([left, standby]))).toContain("activate new");
    // The first start always makes two keys in one change.
    const twin = retiringKey("twin", 9_999, { retiredFrom: LONG_AGO });
    expect(planOf(shutDown([imported, twin, standby]))).toContain("activate new");
  });

  test("the standby key waits for its lead where a replica was up all the time: then a clock was set, and nothing was shut down", () => {
    const set = shutDown([ended, justPublished()]);
    const beating = { ...replica("one", "ES256"), version: 2 };
    expect(planOf({ ...set, replicas: [beating] })).toEqual([`pause new ${String(B2)}`]);
    const started = { ...replica("one", "ES256"), version: 0 };
    const former = { ...replica("two", "ES256", B2), version: 2 };
    expect(planOf({ ...set, replicas: [started, former] })).toContain("activate new");
  });

  test("it signs at once too where no signing key is left", () => {
    expect(planOf(shutDown([retiringKey("old", 9_000), justPublished()])).slice(0, 2)).toEqual([
      `pause new ${String(B2)}`,
      "activate new",
    ]);
  });

  test("a key whose period is not over continues to sign", () => {
    expect(planOf(shutDown([signingKey("a"), justPublished()]))).toEqual([`pause new ${String(B2)}`]);
  });

  test("a key that was published after the last service waits for its lead: others may serve the set without it already", () => {
    const late = standbyKey("new", { publishedFrom: after(NOW, -B2 + 1) });
    expect(planOf(shutDown([ended, late]))).toEqual([`pause new ${String(B2 - 1)}`]);
  });

  test("a set that was never served says nothing of what verifiers hold, as after an import", () => {
    expect(planOf(keySet([ended, justPublished()], { servedAt: undefined }))).toEqual([
      `pause new ${String(B2)}`,
    ]);
  });
});

describe("when no key may sign", () => {
  const ended = signingKey("old", { signingFrom: LONG_AGO, notAfter: after(NOW, -5) }, "RS256");

  test("a ready key of an algorithm that no replica uses any more signs until one of a used algorithm may", () => {
    const set = keySet([ended, standbyKey("spare", {}, "RS256"), standbyKey("new", { publishedFrom: NOW })]);
    expect(planOf(set)).toEqual(["deactivate old", "activate spare", "make RS256"]);
    const signs = signingKey("spare", {}, "RS256");
    expect(
      planOf(keySet([signs, standbyKey("next", {}, "RS256"), standbyKey("new", { publishedFrom: NOW })])),
    ).toEqual([]);
  });
});

describe("verifiers that were not yet served the new key", () => {
  const set = (...verifiers: KeySet["verifiers"]): KeySet =>
    keySet([due, standbyKey("new", { publishedVersion: 5 })], { verifiers });
  const behind = sighting("10.0.0.1", 4);

  test("delay it where the gate is enforced, raise an alarm where it warns, and do not matter where it is off", () => {
    const outcome = (gate: RotationRules["gate"]) => [
      planOf(set(behind), { ...RULES, gate }).length,
      alarmsOf(set(behind), { ...RULES, gate }),
    ];
    const alarm = { kind: "verifiers_behind", kid: "new", verifiers: [behind], untracked: [] };
    expect(outcome("enforce")).toEqual([0, [{ ...alarm, held: true }]]);
    expect(outcome("warn")).toEqual([3, [{ ...alarm, held: false }]]);
    expect(outcome("off")).toEqual([3, []]);
  });

  test.each([
    ["was served the version that brought the key", sighting("v", 5)],
    [
      "has not fetched for its TTL and grace and all delays, so that it must fetch before it checks again",
      sighting("v", 4, 4_031),
    ],
  ])("do not count one that %s", (_which, verifier) => {
    expect(planOf(set(verifier), { ...RULES, gate: "enforce" })).toHaveLength(3);
  });

  test("count one whose set may still be in grace", () => {
    expect(planOf(set(sighting("v", 4, 4_030)), { ...RULES, gate: "enforce" })).toEqual([]);
  });
});

describe("more verifiers behind one address than are tracked", () => {
  const set = (untracked: KeySet["untracked"]): KeySet =>
    keySet([due, standbyKey("new", { publishedVersion: 5 })], { verifiers: [sighting("nat", 5)], untracked });
  const blind = untrackedFetches("nat", 4);
  const enforced = { ...RULES, gate: "enforce" as const };

  test("count as not yet served the key: they delay it where the gate is enforced, and the alarm names their address", () => {
    const alarm = { kind: "verifiers_behind", kid: "new", verifiers: [], untracked: [blind] };
    expect(planOf(set([blind]), enforced)).toEqual([]);
    expect(alarmsOf(set([blind]), enforced)).toEqual([{ ...alarm, held: true }]);
    expect(alarmsOf(set([blind]), { ...RULES, gate: "warn" })).toEqual([{ ...alarm, held: false }]);
    expect(alarmsOf(set([blind]))).toEqual([]);
  });

  test("hold it for B2 after such a fetch at most, and not by fetches of a set that holds the key: no flood of names can", () => {
    const flood = [untrackedFetches("nat", 4, 4_031), untrackedFetches("nat", 5), untrackedFetches("nat", 9)];
    expect(planOf(set(flood), enforced)).toHaveLength(3);
    expect(planOf(set([untrackedFetches("nat", 4, 4_030)]), enforced)).toEqual([]);
  });
});

describe("a key that no longer signs", () => {
  const rest = [signingKey("a"), standbyKey("b")];

  test.each([
    ["before its last token, of the last replica that signed with it, has expired", 3_754, {}, []],
    ["when every token that it can have signed has expired", 3_755, {}, ["retire old"]],
    ["before the latest token that a replica reported has expired", 9_000, { maxExp: after(NOW, -89) }, []],
    [
      "when every verifier rejects that token, 90 s after its end",
      9_000,
      { maxExp: after(NOW, -90) },
      ["retire old"],
    ],
    [
      "before the longest life is over that any replica had configured, whatever this one has",
      7_354,
      { maxTtlSeconds: 7_200 },
      [],
    ],
    ["when that longest life is over", 7_355, { maxTtlSeconds: 7_200 }, ["retire old"]],
  ])("leaves the JWKS %s: after %i s", (_when, secondsAgo, moments, plan) => {
    expect(
      planOf(keySet([...rest, retiringKey("old", secondsAgo, { maxTtlSeconds: 3_600, ...moments })])),
    ).toEqual(plan);
  });

  test("leaves the same way when it was tainted, and not a second time", () => {
    expect(planOf(keySet([...rest, retiringKey("bad", 3_755, { taintedFrom: LONG_AGO })]))).toEqual([
      "retire bad",
    ]);
    expect(planOf(keySet([...rest, retiringKey("gone", 9_999, { retiredFrom: NOW })]))).toEqual([]);
    expect(planOf(keySet([...rest, retiringKey("bad", 9_999, { revokedFrom: NOW })]))).toEqual([]);
  });
});

describe("a fleet that changes its algorithm", () => {
  const old = [signingKey("r1", {}, "RS256"), standbyKey("r2", {}, "RS256")];
  const both = [replica("old", "RS256"), replica("new", "ES256")];

  test("keeps both while replicas of both live, and the new one waits for its lead", () => {
    expect(planOf(keySet(old, { replicas: both }))).toEqual(["make ES256"]);
    const young = standbyKey("e1", { publishedFrom: after(NOW, -7_199) });
    expect(planOf(keySet([...old, young], { replicas: both }))).toEqual([]);
    const ready = standbyKey("e1", { publishedFrom: after(NOW, -7_200) });
    expect(planOf(keySet([...old, ready], { replicas: both }))).toEqual(["activate e1", "make ES256"]);
  });

  test("ends the old algorithm only when the new one signs and no live replica wants the old", () => {
    const signing = [...old, signingKey("e1"), standbyKey("e2")];
    expect(planOf(keySet([...old, standbyKey("e1", { publishedFrom: NOW })]))).toEqual([]);
    expect(planOf(keySet(signing, { replicas: both }))).toEqual([]);
    expect(planOf(keySet(signing, { replicas: [replica("old", "RS256", 60)] }))).toEqual([]);
    expect(
      planOf(keySet(signing, { replicas: [replica("old", "RS256", 61), replica("new", "ES256")] })),
    ).toEqual(["deactivate r1", "retire r2"]);
  });
});

test("equal sets give equal plans, in whatever order a store lists its keys", () => {
  const keys = [
    due,
    standbyKey("b"),
    standbyKey("c"),
    retiringKey("d", 10),
    retiringKey("e", 9_999),
    retiringKey("f", 9_999),
  ];
  const wanted = planOf(keySet(keys)).toSorted();
  fc.assert(
    fc.property(fc.shuffledSubarray(keys, { minLength: keys.length }), (shuffled) => {
      expect(planOf(keySet(shuffled)).toSorted()).toEqual(wanted);
    }),
  );
});

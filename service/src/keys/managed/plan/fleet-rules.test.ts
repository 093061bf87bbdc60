import { describe, expect, test } from "vitest";
import { after } from "../../../kernel/clock.ts";
import { keySet, NOW, RULES, replica, signingKey, standbyKey } from "../../../testing/managed-key-sets.ts";
import type { RotationTiming } from "../../timing.ts";
import { fleetRules } from "./fleet-rules.ts";
import { planOperation } from "./plan-operation.ts";
import { planRotation } from "./plan-rotation.ts";

const { timing } = RULES;
const wider = (changed: Partial<RotationTiming>): { timing: RotationTiming } => ({
  timing: { ...timing, ...changed },
});

describe("what a fleet is run with", () => {
  test("is a replica's own settings while it is the only one", () => {
    expect(fleetRules(RULES, keySet([]))).toEqual(RULES);
  });

  test("is the widest of each setting among the live replicas, and the strictest gate", () => {
    const replicas = [
      replica("one", "RS256", 0, {
        periodSeconds: 1_000_000,
        gate: "enforce",
        ...wider({ maxTtlSeconds: 9_999 }),
      }),
      replica("two", "ES256", 60, {
        leadSeconds: 9_000,
        gate: "warn",
        ...wider({ verifierTtlSeconds: 600, maxTtlSeconds: 60 }),
      }),
    ];
    expect(fleetRules(RULES, keySet([], { replicas }))).toEqual({
      alg: "ES256",
      periodSeconds: 1_000_000,
      leadSeconds: 9_000,
      timing: { ...timing, maxTtlSeconds: 9_999, verifierTtlSeconds: 600 },
      gate: "enforce",
    });
  });

  test("is never a lead below B1 of the widest timing, which may be beyond every replica's own lead", () => {
    const own = { ...RULES, leadSeconds: 3_770, ...wider({ jwksMaxAgeSeconds: 3_400 }) };
    const replicas = [
      replica("one", "ES256", 0, { leadSeconds: 3_770, ...wider({ verifierTtlSeconds: 3_600 }) }),
    ];
    expect(fleetRules(own, keySet([], { replicas })).leadSeconds).toBe(60 + 3_400 + 5 + 3_600 + 5);
  });

  test("counts the timing of a replica that has ended until no verifier uses what it served: B2", () => {
    const old = wider({ jwksMaxAgeSeconds: 3_600 });
    const b2 = 60 + 3_600 + 5 + 300 + 5 + 3_600;
    const maxAgeOf = (secondsAgo: number) =>
      fleetRules(RULES, keySet([], { replicas: [replica("gone", "ES256", secondsAgo, old)] })).timing
        .jwksMaxAgeSeconds;
    expect([maxAgeOf(b2), maxAgeOf(b2 + 1)]).toEqual([3_600, 60]);
  });

  test("counts its period, lead and gate only while its lease may be valid: 60 s", () => {
    const old = { periodSeconds: 1_000_000, leadSeconds: 100_000, gate: "enforce" as const };
    const of = (secondsAgo: number) => {
      const set = keySet([], { replicas: [replica("gone", "ES256", secondsAgo, old)] });
      const { periodSeconds, leadSeconds, gate } = fleetRules(RULES, set);
      return { periodSeconds, leadSeconds, gate };
    };
    expect(of(60)).toEqual(old);
    expect(of(61)).toEqual({ periodSeconds: 604_800, leadSeconds: 7_200, gate: "off" });
  });
});

describe("in the middle of a rolling change of settings", () => {
  const fresh = standbyKey("new", { publishedFrom: after(NOW, -5_000) });
  const due = signingKey("old", { signingFrom: after(NOW, -RULES.periodSeconds) });
  const own = { ...RULES, leadSeconds: 4_030 };

  test("a replica with the shorter lead does not let a key sign that is too new for the others", () => {
    const set = keySet([due, fresh], { replicas: [replica("one", "ES256")] });
    expect(planRotation(keySet([due, fresh]), own).steps).toMatchObject([
      { kind: "deactivate" },
      { kind: "activate" },
      { kind: "make" },
    ]);
    expect(planRotation(set, own).steps).toEqual([]);
  });

  test("nor does a command", () => {
    const set = keySet([due, fresh], {
      replicas: [replica("one", "ES256", 0, wider({ verifierGraceSeconds: 7_000 }))],
    });
    const rotated = planOperation(set, { kind: "activate", kid: undefined }, own, new Set());
    expect(rotated).toMatchObject({ kind: "rejected", reason: "not_ready", accept: "grace-risk" });
  });
});

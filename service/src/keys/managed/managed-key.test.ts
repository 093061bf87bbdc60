import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { after, type EpochSeconds } from "../../kernel/clock.ts";
import { activeKey, LONG_AGO, NOW, RULES, retiringKey, standbyKey } from "../../testing/managed-key-sets.ts";
import {
  isActive,
  isServed,
  isStandby,
  type ManagedKey,
  type ManagedState,
  managedStateAt,
  readyAt,
  removableAt,
  servedInOrder,
} from "./managed-key.ts";

const { timing, leadSeconds } = RULES;

describe("the state of a key follows from its moments", () => {
  const moments = { activatedAt: LONG_AGO, deactivatedAt: LONG_AGO };
  const cases: readonly [ManagedState, string, ManagedKey, string][] = [
    [
      "published",
      "before its lead is over",
      standbyKey("k", { publishedAt: after(NOW, -7_199) }),
      "served standby",
    ],
    ["ready", "from its lead on", standbyKey("k", { publishedAt: after(NOW, -7_200) }), "served standby"],
    [
      "published",
      "while unserved time is made up for",
      standbyKey("k", { publishedAt: after(NOW, -7_200), pausedSeconds: 1 }),
      "served standby",
    ],
    ["active", "once it signs", activeKey("k"), "served active"],
    ["retiring", "once it signs no more", retiringKey("k", 1), "served"],
    ["tainted", "whether it signed", activeKey("k", { ...moments, taintedAt: LONG_AGO }), "served"],
    ["tainted", "or not", standbyKey("k", { deactivatedAt: LONG_AGO, taintedAt: LONG_AGO }), "served"],
    [
      "retired",
      "whatever came before",
      activeKey("k", { ...moments, taintedAt: LONG_AGO, retiredAt: NOW }),
      "",
    ],
    ["revoked", "above all else", activeKey("k", { ...moments, taintedAt: LONG_AGO, revokedAt: NOW }), ""],
  ];
  test.each(cases)("%s %s", (state, _when, key, flags) => {
    expect(managedStateAt(key, NOW, readyAt(key, leadSeconds))).toBe(state);
    const said = [isServed(key) && "served", isActive(key) && "active", isStandby(key) && "standby"];
    expect(said.filter(Boolean).join(" ")).toBe(flags);
  });
});

test("a key is ready when it has been served for its lead, not counting pauses", () => {
  expect(readyAt(standbyKey("k", { publishedAt: NOW, pausedSeconds: 30 }), 100)).toBe(NOW + 130);
});

describe("a key may leave the JWKS", () => {
  test("never while it may sign", () => {
    expect(removableAt(activeKey("k"), timing)).toBeUndefined();
    expect(removableAt(standbyKey("k"), timing)).toBeUndefined();
  });

  test("after every token that it can have signed is dead for every verifier, and not a second sooner", () => {
    const anyTtl = fc.integer({ min: 1, max: 86_400 });
    fc.assert(
      fc.property(anyTtl, anyTtl, fc.integer({ min: 0, max: 86_400 }), (recordedTtl, configuredTtl, told) => {
        const key = retiringKey("k", 0, { maxTtlSeconds: recordedTtl, maxExp: after(NOW, told) });
        // Signed by the last replica to notice (F), with its clock ahead (ε), for the longest life: F + S + ε; then λ + δ.
        const lastExp = Math.max(told, 60 + recordedTtl + 5);
        expect(removableAt(key, { ...timing, maxTtlSeconds: configuredTtl })).toBe(NOW + lastExp + 60 + 30);
      }),
    );
  });
});

describe("the JWKS", () => {
  const keys = [
    retiringKey("r-old", 900),
    standbyKey("s-old", { publishedVersion: 4 }),
    retiringKey("gone", 1, { retiredAt: NOW }),
    activeKey("a"),
    standbyKey("tainted", { deactivatedAt: after(NOW, -50), taintedAt: after(NOW, -50) }),
    retiringKey("r-new", 100),
    standbyKey("s-new", { publishedVersion: 6 }),
    retiringKey("bad", 1, { revokedAt: NOW }),
  ];

  test("shows the key that signs, then those that will, then those that did, the newest first", () => {
    expect(servedInOrder(keys).map((key) => key.kid)).toEqual([
      "a",
      "s-new",
      "s-old",
      "tainted",
      "r-new",
      "r-old",
    ]);
  });

  test("has one order, in whatever order the store lists the keys", () => {
    const twins = [
      ...keys,
      activeKey("a2", {}, "RS256"),
      standbyKey("s-twin", { publishedVersion: 6 }),
      retiringKey("r-twin", 100),
    ];
    const wanted = servedInOrder(twins);
    fc.assert(
      fc.property(fc.shuffledSubarray(twins, { minLength: twins.length }), (shuffled) => {
        expect(servedInOrder(shuffled)).toEqual(wanted);
      }),
    );
  });

  test("is empty without keys, and changes no list that it is given", () => {
    expect(servedInOrder([])).toEqual([]);
    const given = Object.freeze([...keys]);
    expect(servedInOrder(given)).toHaveLength(6);
    expect(removableAt(retiringKey("k", 0, { maxExp: 0 as EpochSeconds }), timing)).toBe(NOW + 3_755);
  });
});

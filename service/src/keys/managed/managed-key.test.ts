import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { after, epochSeconds } from "../../kernel/clock.ts";
import { LONG_AGO, NOW, RULES, retiringKey, signingKey, standbyKey } from "../../testing/managed-key-sets.ts";
import type { KeyState } from "../key-state.ts";
import {
  isServed,
  isSigning,
  isStandby,
  leadOverFrom,
  type ManagedKey,
  removableFrom,
  servedInOrder,
  stateOf,
} from "./managed-key.ts";

const { timing } = RULES;

describe("the state of a key follows from its moments", () => {
  const moments = { signingFrom: LONG_AGO, retiringFrom: LONG_AGO };
  const cases: readonly [KeyState, string, ManagedKey, string][] = [
    ["standby", "before it signs", standbyKey("k"), "served standby"],
    ["signing", "once it signs", signingKey("k"), "served signing"],
    [
      "signing",
      "although a clock says not yet",
      signingKey("k", { signingFrom: after(NOW, 60) }),
      "served signing",
    ],
    ["retiring", "once it no longer signs", retiringKey("k", 1), "served"],
    ["tainted", "whether it signed", signingKey("k", { ...moments, taintedFrom: LONG_AGO }), "served"],
    ["tainted", "or not", standbyKey("k", { retiringFrom: LONG_AGO, taintedFrom: LONG_AGO }), "served"],
    [
      "retired",
      "whatever came before",
      signingKey("k", { ...moments, taintedFrom: LONG_AGO, retiredFrom: NOW }),
      "",
    ],
    [
      "revoked",
      "before everything else",
      signingKey("k", { ...moments, taintedFrom: LONG_AGO, revokedFrom: NOW }),
      "",
    ],
  ];
  test.each(cases)("%s %s", (state, _when, key, flags) => {
    expect(stateOf(key)).toBe(state);
    const said = [isServed(key) && "served", isSigning(key) && "signing", isStandby(key) && "standby"];
    expect(said.filter(Boolean).join(" ")).toBe(flags);
  });
});

test("a key is ready when it has been served for its lead, not counting pauses", () => {
  expect(leadOverFrom(standbyKey("k", { publishedFrom: NOW, pausedSeconds: 30 }), 100)).toBe(NOW + 130);
});

describe("a key may leave the JWKS", () => {
  test("never while it may sign", () => {
    expect(removableFrom(signingKey("k"), timing)).toBeUndefined();
    expect(removableFrom(standbyKey("k"), timing)).toBeUndefined();
  });

  test("once every verifier rejects every token that it can have signed, and not a second earlier", () => {
    const anyTtl = fc.integer({ min: 1, max: 86_400 });
    fc.assert(
      fc.property(
        anyTtl,
        anyTtl,
        fc.integer({ min: 0, max: 86_400 }),
        (recordedTtl, configuredTtl, reportedExp) => {
          const key = retiringKey("k", 0, { maxTtlSeconds: recordedTtl, maxExp: after(NOW, reportedExp) });
          // Signed by the last replica to notice (F), with its clock ahead (ε), for the longest life: F + S + ε; then λ + δ.
          const lastExp = Math.max(reportedExp, 60 + recordedTtl + 5);
          expect(removableFrom(key, { ...timing, maxTtlSeconds: configuredTtl })).toBe(
            NOW + lastExp + 60 + 30,
          );
        },
      ),
    );
  });
});

describe("the JWKS", () => {
  const keys = [
    retiringKey("r-old", 900),
    standbyKey("s-old", { publishedVersion: 4 }),
    retiringKey("gone", 1, { retiredFrom: NOW }),
    signingKey("a"),
    standbyKey("tainted", { retiringFrom: after(NOW, -50), taintedFrom: after(NOW, -50) }),
    retiringKey("r-new", 100),
    standbyKey("s-new", { publishedVersion: 6 }),
    retiringKey("bad", 1, { revokedFrom: NOW }),
  ];

  test("shows the signing key, then standby keys, then retiring keys, the newest first", () => {
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
      signingKey("a2", {}, "RS256"),
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
    expect(removableFrom(retiringKey("k", 0, { maxExp: epochSeconds(0) }), timing)).toBe(NOW + 3_755);
  });
});

import { describe, expect, test } from "vitest";
import { Impossible } from "../../kernel/assert.ts";
import { after, epochSeconds } from "../../kernel/clock.ts";
import { kidOf } from "../../testing/forged.ts";
import { LONG_AGO, NOW, retiringKey, signingKey, standbyKey } from "../../testing/managed-key-sets.ts";
import { applyChanges, applySignings, type KeyChange } from "./key-change.ts";
import type { ManagedKey } from "./managed-key.ts";

/** The one key after the changes. */
function changed(key: ManagedKey, ...changes: readonly ChangeOf[]): ManagedKey {
  const full = changes.map((change) => ({ ...change, kid: key.kid }));
  return applyChanges([key], full, NOW, 7)[0] as ManagedKey;
}
type ChangeOf = KeyChange extends infer C ? (C extends KeyChange ? Omit<C, "kid"> : never) : never;

const { alg, publicJwk, sealed } = standbyKey("new");
const publish: KeyChange = {
  kind: "publish",
  kid: kidOf("new"),
  alg,
  publicJwk,
  sealed: sealed ?? "",
};

describe("a change stamps the key with the store's clock", () => {
  test("publish: a key that has done nothing yet, under the set's new version", () => {
    expect(applyChanges([signingKey("old")], [publish], NOW, 7)).toEqual([
      signingKey("old"),
      standbyKey("new", { publishedFrom: NOW, publishedVersion: 7 }),
    ]);
  });

  test("activate: from now, with the end of its tokens and the longest life that they may have", () => {
    const activate = { kind: "activate", lifeSeconds: 1_000, maxTtlSeconds: 300 } as const;
    expect(changed(standbyKey("k"), activate)).toMatchObject({
      signingFrom: NOW,
      notAfter: NOW + 1_000,
      maxTtlSeconds: 300,
    });
    expect(changed(standbyKey("k", { maxTtlSeconds: 900 }), activate)).toMatchObject({ maxTtlSeconds: 900 });
  });

  test("deactivate: once; a second one does not extend the time that it is served", () => {
    expect(changed(signingKey("k"), { kind: "deactivate" })).toEqual(signingKey("k", { retiringFrom: NOW }));
    expect(changed(retiringKey("k", 50), { kind: "deactivate" })).toEqual(retiringKey("k", 50));
  });

  test("taint: it no longer signs, for the given reason, and its private part stays", () => {
    expect(changed(signingKey("k"), { kind: "taint", reason: "why" })).toEqual(
      signingKey("k", { retiringFrom: NOW, taintedFrom: NOW, reason: "why" }),
    );
    expect(changed(retiringKey("k", 50), { kind: "taint", reason: "why" })).toMatchObject({
      retiringFrom: after(NOW, -50),
    });
  });

  test("a second taint changes the reason and no moment", () => {
    const tainted = retiringKey("k", 50, { taintedFrom: after(NOW, -50), reason: "why" });
    expect(changed(tainted, { kind: "taint", reason: "more" })).toEqual({ ...tainted, reason: "more" });
  });

  test("revoke and retire: the private part is destroyed", () => {
    expect(changed(signingKey("k"), { kind: "revoke", reason: "why" })).toEqual(
      signingKey("k", { retiringFrom: NOW, revokedFrom: NOW, reason: "why", sealed: undefined }),
    );
    expect(changed(retiringKey("k", 50), { kind: "retire" })).toEqual(
      retiringKey("k", 50, { retiredFrom: NOW, sealed: undefined }),
    );
    expect(changed(standbyKey("k"), { kind: "retire", reason: "by hand" })).toMatchObject({
      retiredFrom: NOW,
      reason: "by hand",
    });
  });

  test("retire keeps the reason of an earlier taint", () => {
    expect(
      changed(retiringKey("k", 50, { taintedFrom: LONG_AGO, reason: "why" }), { kind: "retire" }),
    ).toMatchObject({ reason: "why" });
  });

  test("pause: pauses add up", () => {
    expect(changed(standbyKey("k", { pausedSeconds: 5 }), { kind: "pause", seconds: 7 })).toEqual(
      standbyKey("k", { pausedSeconds: 12 }),
    );
  });

  test("reseal: another sealed part for the same key, and none for a key whose private part is destroyed", () => {
    const other = "sealed again";
    expect(changed(signingKey("k"), { kind: "reseal", sealed: other })).toEqual(
      signingKey("k", { sealed: other }),
    );
    const retired = retiringKey("k", 50, { retiredFrom: NOW, sealed: undefined });
    expect(changed(retired, { kind: "reseal", sealed: other })).toEqual(retired);
  });
});

describe("changes are rejected as a whole", () => {
  const activate: KeyChange = { kind: "activate", kid: kidOf("new"), lifeSeconds: 1, maxTtlSeconds: 1 };
  const cases: readonly [string, readonly ManagedKey[], readonly KeyChange[], string][] = [
    ["that use a kid twice", [standbyKey("new")], [publish], "twice"],
    [
      "that use the kid of a key that was retired long ago",
      [retiringKey("new", 9, { retiredFrom: LONG_AGO, sealed: undefined })],
      [publish],
      "twice",
    ],
    [
      "that use the kid of a revoked key",
      [retiringKey("new", 9, { revokedFrom: LONG_AGO, sealed: undefined })],
      [publish],
      "twice",
    ],
    ["that publish one key twice", [], [publish, publish], "twice"],
    ["that name a key which is not in the set", [], [activate], "not in the set"],
    [
      "after which two keys of an algorithm would sign",
      [signingKey("old"), standbyKey("new")],
      [activate],
      "two keys",
    ],
  ];
  test.each(cases)("%s", (_which, keys, changes, says) => {
    expect(() => applyChanges(keys, changes, NOW, 2)).toThrow(Impossible);
    expect(() => applyChanges(keys, changes, NOW, 2)).toThrow(says);
  });
});

test("two keys of different algorithms may sign, and one may take over from another in one list of changes", () => {
  const activate: KeyChange = { kind: "activate", kid: kidOf("new"), lifeSeconds: 1, maxTtlSeconds: 1 };
  expect(applyChanges([signingKey("r", {}, "RS256"), standbyKey("new")], [activate], NOW, 2)).toHaveLength(2);
  expect(
    applyChanges([signingKey("old")], [{ kind: "deactivate", kid: kidOf("old") }, publish, activate], NOW, 2),
  ).toHaveLength(2);
});

test("changes leave the keys that they were given as they were", () => {
  const keys = Object.freeze([Object.freeze(signingKey("k"))]);
  applyChanges(keys, [{ kind: "revoke", kid: kidOf("k"), reason: "why" }], NOW, 2);
  expect(keys).toEqual([signingKey("k")]);
});

describe("what a replica reports of its signatures", () => {
  const afterReport = (key: ManagedKey, maxExp: number, ttl: number): ManagedKey =>
    applySignings([key], [{ kid: key.kid, maxExp: epochSeconds(maxExp) }], ttl)[0] as ManagedKey;

  test("moves the end of a key's last token only forward, also when the key no longer signs", () => {
    expect(afterReport(signingKey("k", { maxExp: NOW }), NOW + 5, 0).maxExp).toBe(NOW + 5);
    expect(afterReport(signingKey("k", { maxExp: NOW }), NOW - 5, 0).maxExp).toBe(NOW);
    expect(afterReport(retiringKey("k", 9, { maxExp: NOW }), NOW + 5, 0).maxExp).toBe(NOW + 5);
  });

  test("raises the longest token life of a key that signs, and of no other", () => {
    expect(afterReport(signingKey("k", { maxTtlSeconds: 300 }), 0, 900).maxTtlSeconds).toBe(900);
    expect(afterReport(signingKey("k", { maxTtlSeconds: 900 }), 0, 300).maxTtlSeconds).toBe(900);
    expect(afterReport(standbyKey("k"), 0, 900).maxTtlSeconds).toBe(0);
    expect(afterReport(retiringKey("k", 9, { maxTtlSeconds: 300 }), 0, 900).maxTtlSeconds).toBe(300);
  });

  test("about an unknown kid changes nothing", () => {
    expect(applySignings([standbyKey("k")], [{ kid: kidOf("other"), maxExp: NOW }], 900)).toEqual([
      standbyKey("k"),
    ]);
  });
});

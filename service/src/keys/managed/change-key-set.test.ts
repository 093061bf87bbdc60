import { describe, expect, test } from "vitest";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import { memoryKeyStore } from "../../stores/memory/key-store.ts";
import { apartCustody, custodyOf, keksUnder, opens } from "../../testing/custodies.ts";
import { RULES } from "../../testing/managed-key-sets.ts";
import { TestClock } from "../../testing/moments.ts";
import type { KeySetDeps } from "./change-key-set.ts";
import type { KeyStore } from "./key-store.ts";
import { operate } from "./operate.ts";
import { rotate } from "./rotate.ts";

/** A store in which others are faster than us for the first `races` changes. */
function contested(races: number): { deps: KeySetDeps; store: KeyStore; looks: () => number } {
  const inner = memoryKeyStore(new TestClock());
  let [lost, looks] = [0, 0];
  const store: KeyStore = {
    ...inner,
    load: () => {
      looks += 1;
      return inner.load();
    },
    replace: async (seen, changes) => {
      lost += 1;
      return lost <= races ? "stale" : inner.replace(seen, changes);
    },
  };
  const custody = custodyOf(keksUnder(7));
  return { deps: { store, custody, rules: RULES }, store: inner, looks: () => looks };
}

describe("a change that loses the race", () => {
  test.each([0, 1, 4])("%i times reads the set again each time, and then succeeds", async (races) => {
    const { deps, store, looks } = contested(races);
    const { changes, lost } = await rotate(deps);
    expect([changes.map(({ kind }) => kind), lost]).toEqual([["publish", "activate", "publish"], false]);
    expect([(await store.load()).version, looks()]).toEqual([1, races + 1]);
  });

  test("five times is left to the next round, and has changed nothing", async () => {
    const { deps, store } = contested(5);
    expect(await rotate(deps)).toEqual({ changes: [], alarms: [], lost: true });
    expect((await store.load()).version).toBe(0);
  });

  test("of an operation is decided again, and is reported as lost when it never wins", async () => {
    const prepare = { kind: "prepare", alg: "ES256" } as const;
    expect(await operate(contested(4).deps, prepare, new Set())).toMatchObject({
      kind: "done",
      changes: [{ kind: "publish" }],
    });
    expect(await operate(contested(5).deps, prepare, new Set())).toEqual({ kind: "lost" });
  });
});

describe("sealing again", () => {
  const both = custodyOf(keksUnder(9, 7));
  const reseal = (deps: KeySetDeps) => operate(deps, { kind: "reseal" }, new Set());

  test.each([0, 4])(
    "puts every private part under the first key-encryption key, after %i lost races",
    async (races) => {
      const { deps, store } = contested(races);
      await rotate({ ...deps, store });
      const outcome = await reseal({ ...deps, custody: both });
      expect(outcome).toMatchObject({ kind: "done", changes: [{ kind: "reseal" }, { kind: "reseal" }] });
      const { keys } = await store.load();
      for (const key of keys) {
        expect(await opens(custodyOf(keksUnder(9)), key)).toBe(true);
        expect(await opens(deps.custody, key)).toBe(false);
      }
    },
  );

  test("changes nothing when one of them cannot be opened", async () => {
    const { deps, store } = contested(0);
    await rotate(deps);
    const other = custodyOf(keksUnder(9));
    await expect(reseal({ ...deps, custody: other })).rejects.toThrow(StoreCorrupt);
    expect((await store.load()).version).toBe(1);
  });

  test("is rejected where nothing is sealed", async () => {
    expect(await reseal(contested(0).deps)).toMatchObject({ kind: "rejected", reason: "nothing_sealed" });
  });
});

describe("a custody that holds the private parts apart from the store", () => {
  test("holds no private part of a key that lost the race, or that was revoked or retired", async () => {
    const { deps, store } = contested(2);
    const custody = apartCustody();
    const apart = { ...deps, custody };
    await rotate(apart);
    const [signing, standby] = (await store.load()).keys;
    expect([...custody.held.values()]).toEqual([signing?.kid, standby?.kid]);
    const kid = standby?.kid ?? fail();
    await operate(apart, { kind: "revoke", kid, reason: "leaked" }, new Set());
    await operate(apart, { kind: "revoke", kid, reason: "again" }, new Set());
    expect([...custody.held.values()]).toEqual([signing?.kid]);
    expect((await store.load()).keys.map(({ sealed }) => sealed !== undefined)).toEqual([true, false]);
  });

  test("that cannot destroy a private part is reported, and the change is still made", async () => {
    const { deps, store } = contested(0);
    const failed: unknown[] = [];
    const apart = {
      ...deps,
      custody: { ...apartCustody(), destroy: () => Promise.reject(new Error("down")) },
      destroyFailed: (...fault: readonly unknown[]) => failed.push(fault),
    };
    await rotate(apart);
    const kid = (await store.load()).keys[1]?.kid ?? fail();
    expect(await operate(apart, { kind: "revoke", kid, reason: "leaked" }, new Set())).toMatchObject({
      kind: "done",
    });
    expect(failed).toEqual([[kid, new Error("down")]]);
    expect((await store.load()).keys[1]?.sealed).toBeUndefined();
  });
});

function fail(): never {
  throw new Error("the set lacks a key");
}

import { describe, expect, test } from "vitest";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import { memoryKeyStore } from "../../stores/memory/key-store.ts";
import { custodyOf, keksUnder } from "../../testing/custodies.ts";
import { kidOf } from "../../testing/forged.ts";
import { RULES } from "../../testing/managed-key-sets.ts";
import { TestClock } from "../../testing/moments.ts";
import type { KeyStore } from "./key-store.ts";
import { isSigning } from "./managed-key.ts";
import { ManagedKeys } from "./managed-keys.ts";
import { operate } from "./operate.ts";
import { rotate } from "./rotate.ts";
import { type RoundReport, rotationRound, wholeRound } from "./round.ts";

/** A store and one replica, whose clock is off by so much, that saw so much of the store in an earlier life. */
function house({ clockOff = 0, versionSeenBefore = 0 } = {}) {
  const storeClock = new TestClock();
  const clock = new TestClock(storeClock.now() + clockOff);
  const stopwatch = new TestClock();
  const inner = memoryKeyStore(storeClock);
  const state = { down: false };
  const store: KeyStore = {
    ...inner,
    beat: async (report) => {
      if (state.down) throw new StoreUnavailable("unreachable");
      return inner.beat(report);
    },
  };
  const deps = { store, custody: custodyOf(keksUnder(7)), rules: RULES };
  const keys = new ManagedKeys({
    ...deps,
    clock,
    stopwatch: { elapsed: () => stopwatch.now() },
    ...RULES,
    replicaId: "one",
    versionSeenBefore,
  });
  return { deps, store: inner, state, keys, clock, storeClock, stopwatch };
}

describe("a round of upkeep", () => {
  test("makes the keys that are due, reports them, and at its end they are in force and the store knows it", async () => {
    const { deps, store, keys, clock } = house();
    const reports: RoundReport[] = [];
    await wholeRound(deps, keys, (report) => reports.push(report));
    expect(reports.map(({ changes }) => changes.map(({ kind }) => kind))).toEqual([
      ["publish", "activate", "publish"],
    ]);
    expect(keys.fence()).toBeUndefined();
    const { servedAt, replicas } = await store.load();
    expect([servedAt, replicas.map(({ id }) => id)]).toEqual([clock.now(), ["one"]]);
  });

  test("reports what it changed, even when the store is gone before it can be put in force", async () => {
    const { deps, state, keys } = house();
    const replace: KeyStore["replace"] = async (seen, changes) => {
      state.down = true;
      return deps.store.replace(seen, changes);
    };
    const seen: RoundReport[] = [];
    const round = wholeRound({ ...deps, store: { ...deps.store, replace } }, keys, (one) => seen.push(one));
    await expect(round).rejects.toThrow(StoreUnavailable);
    expect(seen.map(({ changes }) => changes.length)).toEqual([3]);
  });

  test("without a lease changes nothing", async () => {
    const { deps, store, state, keys } = house();
    state.down = true;
    await rotationRound(deps, keys);
    expect((await store.load()).version).toBe(0);
  });

  test("counts a gap in which no replica served before it reports that one serves again", async () => {
    const { deps, store, keys, clock, storeClock } = house();
    await wholeRound(deps, keys);
    const served = (await store.load()).servedAt ?? 0;
    for (const one of [clock, storeClock]) one.move(1_000);
    // Two beats on the way, as from a lease loop that is faster than the rotation.
    await keys.renew();
    await keys.renew();
    expect((await store.load()).servedAt).toBe(served);
    await rotationRound(deps, keys);
    const set = await store.load();
    expect(set.servedAt).toBe(clock.now());
    expect(set.keys.filter((key) => key.signingFrom === undefined).map((key) => key.pausedSeconds)).toEqual([
      1_000,
    ]);
  });

  test("counts the lead of a key from the first service, however long the key was in the store before", async () => {
    const { deps, store, keys, clock, storeClock } = house();
    await operate(deps, { kind: "import", alg: "ES256" }, new Set());
    await operate(deps, { kind: "prepare", alg: "ES256" }, new Set());
    for (const one of [clock, storeClock]) one.move(7_300);
    // As a lease loop does that is faster than the rotation: no beat may hide that no replica has served yet.
    await keys.renew();
    await keys.renew();
    await wholeRound(deps, keys);
    const { servedAt, keys: stored } = await store.load();
    expect(servedAt).toBe(clock.now());
    expect(stored.map(({ pausedSeconds }) => pausedSeconds)).toEqual([0, 7_300]);
    expect(await operate(deps, { kind: "activate", kid: undefined }, new Set())).toMatchObject({
      kind: "rejected",
      accept: "short-lead",
    });
  });

  test("lets no standby key sign after a trial of an imported key, which the former service continues to serve without it", async () => {
    const { deps, store, keys, clock, storeClock } = house();
    await operate(deps, { kind: "import", alg: "ES256" }, new Set());
    const move = (seconds: number): void => {
      for (const one of [clock, storeClock]) one.move(seconds);
    };
    await wholeRound(deps, keys);
    move(60);
    await wholeRound(deps, keys);
    // Once with a key that is due, once with one that has come to its end.
    for (const days of [8, 8]) {
      move(days * 86_400);
      const outcome = await operate(deps, { kind: "activate", kid: undefined }, new Set());
      expect(outcome).toMatchObject({ kind: "rejected", accept: "short-lead" });
      await wholeRound(deps, keys);
      expect((await store.load()).keys.map((key) => key.signingFrom === undefined)).toEqual([false, true]);
    }
  });

  test.each([8, 16])(
    "lets no standby key sign that was served for two minutes when the clock is set %i days on",
    async (days) => {
      const { deps, store, keys, clock, storeClock, stopwatch } = house();
      const pass = async (seconds: number): Promise<void> => {
        for (let age = 0; age < seconds; age += 10) {
          stopwatch.move(10);
          for (const one of [clock, storeClock]) one.move(10);
          await wholeRound(deps, keys);
        }
      };
      await pass(7_300);
      await operate(deps, { kind: "activate", kid: undefined }, new Set());
      await pass(120);
      const signing = (await store.load()).keys.filter(isSigning);
      for (const one of [clock, storeClock]) one.move(days * 86_400);
      expect(keys.fence()).toBe("clock_off");
      await pass(10);
      expect((await store.load()).keys.filter(isSigning).map(({ kid }) => kid)).toEqual(
        signing.map(({ kid }) => kid),
      );
    },
  );

  test("changes nothing in a store that is older than what was seen of it", async () => {
    const { deps, store, keys } = house({ versionSeenBefore: 1 });
    await wholeRound(deps, keys);
    expect(keys.mayChangeStore()).toBe(false);
    expect((await store.load()).version).toBe(0);
  });

  test.each([-30, 30])("changes nothing while its clock is %i s from the store's", async (clockOff) => {
    const { deps, store, keys } = house({ clockOff });
    await rotate(deps);
    await wholeRound(deps, keys);
    expect(keys.mayChangeStore()).toBe(false);
    const { version, servedAt } = await store.load();
    expect([version, servedAt]).toEqual([1, undefined]);
  });
});

describe("a replica", () => {
  test("is fenced from the very second at which its key's tokens must end", async () => {
    const { deps, keys, clock, storeClock } = house();
    await wholeRound(deps, keys);
    const end = keys.view().signing?.notAfter ?? clock.now();
    for (const one of [clock, storeClock]) one.move(end - 1 - one.now());
    await keys.renew();
    expect(keys.fence()).toBeUndefined();
    for (const one of [clock, storeClock]) one.move(1);
    await keys.renew();
    expect(keys.fence()).toBe("no_signing_key");
    expect(keys.view().jwks).toBeDefined();
  });

  test("whose beat fails reports with the next one who fetched the JWKS, and what it signed", async () => {
    const { deps, store, state, keys, clock } = house();
    await wholeRound(deps, keys);
    const kid = keys.view().signing?.kid ?? kidOf("none");
    keys.usage.noteFetch("10.0.0.1", "runtime");
    keys.usage.noteSigned(kid, clock.now());
    state.down = true;
    await expect(keys.renew()).rejects.toThrow(StoreUnavailable);
    keys.usage.noteFetch("10.0.0.1", "runtime");
    state.down = false;
    await keys.renew();
    const set = await store.load();
    expect(set.verifiers).toMatchObject([{ address: "10.0.0.1", userAgent: "runtime", fetches: 2 }]);
    expect(set.keys.find((key) => key.kid === kid)?.maxExp).toBe(clock.now());
  });
});

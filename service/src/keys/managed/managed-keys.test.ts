import { describe, expect, test } from "vitest";
import { anyone } from "../../callers/anyone.ts";
import { epochSeconds } from "../../kernel/clock.ts";
import { StoreCorrupt, StoreUnavailable } from "../../kernel/store-faults.ts";
import { memoryKeyStore } from "../../stores/memory/key-store.ts";
import { custodyOf, keksUnder } from "../../testing/custodies.ts";
import { kidOf } from "../../testing/forged.ts";
import { replica as otherReplica, RULES } from "../../testing/managed-key-sets.ts";
import { mintDeps, mintRequest } from "../../testing/mint-deps.ts";
import { TestClock } from "../../testing/moments.ts";
import { NO_POLICY } from "../../tokens/entitlement.ts";
import { mint } from "../../tokens/mint.ts";
import type { Algorithm } from "../algorithm.ts";
import type { KeySetDeps } from "./change-key-set.ts";
import type { KeyChange } from "./key-change.ts";
import type { Beat, KeySet, KeyStore } from "./key-store.ts";
import { ManagedKeys, type ManagedKeysDeps } from "./managed-keys.ts";
import { operate } from "./operate.ts";
import { rotate } from "./rotate.ts";
import { rotationRound } from "./round.ts";

const { replicaLagSeconds: F, clockSkewSeconds: skew } = RULES.timing;
const custody = custodyOf(keksUnder(7));

/** A store whose beats can be held up, and that can be down. */
class Store implements KeyStore {
  down = false;
  readOnly = false;
  readonly beats: Beat[] = [];
  #inner: KeyStore;
  #gates: Promise<unknown>[] = [];
  #shown: ((set: KeySet) => KeySet) | undefined;

  constructor(clock: TestClock) {
    this.#inner = memoryKeyStore(clock);
  }
  /** The next beat finds the set as it is when it begins and ends with the gate. */
  holdNext(gate: Promise<unknown>): void {
    this.#gates.push(gate);
  }
  /** Another store in the place of this one. */
  replaceWith(other: KeyStore): void {
    this.#inner = other;
  }
  /** Every beat finds the set as `shown` makes it. */
  show(shown: ((set: KeySet) => KeySet) | undefined): void {
    this.#shown = shown;
  }
  load(): Promise<KeySet> {
    return this.#reach().load();
  }
  async replace(seen: number, changes: readonly KeyChange[]): Promise<"replaced" | "stale"> {
    return this.#reach().replace(seen, changes);
  }
  async beat(report: (set: KeySet) => Beat | undefined): Promise<KeySet> {
    if (this.readOnly) throw new StoreUnavailable("read_only");
    const gate = this.#gates.shift();
    let beat: Beat | undefined;
    const set = await this.#reach().beat((found) => {
      beat = report(this.#shown?.(found) ?? found);
      return beat;
    });
    await gate;
    if (beat !== undefined) this.beats.push(beat);
    return this.#shown?.(set) ?? set;
  }
  #reach(): KeyStore {
    if (this.down) throw new StoreUnavailable("unreachable");
    return this.#inner;
  }
}

/** A store that has bootstrapped, and replicas of it, each with clocks of its own that go along until they are moved apart. */
async function house(alg: Algorithm = "ES256") {
  const storeClock = new TestClock();
  const store = new Store(storeClock);
  const rotation: KeySetDeps = { store, custody, rules: { ...RULES, alg } };
  await rotate(rotation);
  const moving: { move(seconds: number): void }[] = [storeClock];
  const replica = (override: Partial<ManagedKeysDeps> = {}) => {
    const clock = new TestClock(storeClock.now());
    let elapsed = 1_000;
    const watch = { elapsed: () => elapsed, move: (seconds: number) => (elapsed += seconds) };
    moving.push(clock, watch);
    const deps = {
      store,
      custody,
      clock,
      stopwatch: watch,
      ...RULES,
      alg,
      replicaId: "one",
      versionSeenBefore: 0,
      ...override,
    };
    const keys = new ManagedKeys(deps);
    const state = (): string => {
      const view = keys.view();
      const fence = keys.fence();
      expect([view.signing === undefined, view.jwks === undefined]).toEqual([
        fence !== undefined,
        fence !== undefined,
      ]);
      return fence ?? "open";
    };
    return { keys, clock, state, view: () => keys.view() };
  };
  const pass = (seconds: number): void => {
    for (const one of moving) one.move(seconds);
  };
  return { store, storeClock, rotation, replica, pass };
}

async function rotateOn(rotation: KeySetDeps, pass: (seconds: number) => void): Promise<void> {
  pass(RULES.periodSeconds);
  await rotate(rotation);
}

describe("the lease on the last beat that the store accepted", () => {
  test("is not renewed by a store that answers reads and accepts no writes", async () => {
    const { store, replica, pass } = await house();
    const { keys, state } = replica();
    await keys.renew();
    store.readOnly = true;
    for (let second = 0; second < F; second += 1) {
      pass(1);
      await expect(keys.renew()).rejects.toThrow(StoreUnavailable);
      expect((await store.load()).version).toBe(1);
    }
    expect(state()).toBe("open");
    pass(1);
    expect(state()).toBe("lease_expired");
  });

  test("does not exist before the first beat: nothing is signed or served", async () => {
    const { replica } = await house();
    const { state } = replica();
    expect(state()).toBe("not_read_yet");
  });

  test("lasts F and no longer, and each beat renews it", async () => {
    const { replica, pass } = await house();
    const { keys, state } = replica();
    await keys.renew();
    pass(F);
    expect(state()).toBe("open");
    pass(1);
    expect(state()).toBe("lease_expired");
    await keys.renew();
    expect(state()).toBe("open");
  });

  test("is measured by a clock that cannot be set: a wall clock that stands still does not extend it", async () => {
    const { replica, pass } = await house();
    const { keys, clock, state } = replica();
    await keys.renew();
    pass(F + 1);
    clock.move(-F - 1);
    expect(state()).toBe("lease_expired");
  });

  test("begins before the beat, so that a slow store does not extend it", async () => {
    const { store, replica, pass } = await house();
    const { keys, state } = replica();
    let answer = (): void => undefined;
    store.holdNext(new Promise<void>((resolve) => (answer = resolve)));
    const read = keys.renew();
    pass(5);
    answer();
    await read;
    pass(F - 5);
    expect(state()).toBe("open");
    pass(1);
    expect(state()).toBe("lease_expired");
  });

  test("holds until F while the store is down, and then ends", async () => {
    const { store, replica, pass } = await house();
    const { keys, state } = replica();
    await keys.renew();
    store.down = true;
    pass(F);
    await expect(keys.renew()).rejects.toThrow(StoreUnavailable);
    expect(state()).toBe("open");
    pass(1);
    expect(state()).toBe("lease_expired");
    store.down = false;
    await keys.renew();
    expect(state()).toBe("open");
  });
});

describe("a replica's clock", () => {
  test.each([
    [skew + 1, "open"],
    [skew + 2, "clock_off"],
    [-skew - 1, "open"],
    [-skew - 2, "clock_off"],
  ])("that is %i s off the store's leaves it %s: no wrong iat or exp is signed", async (seconds, wanted) => {
    const { replica } = await house();
    const { keys, clock, state } = replica();
    clock.move(seconds);
    await keys.renew();
    expect(state()).toBe(wanted);
  });

  test.each([
    [skew + 2, "clock_off"],
    [-skew - 2, "clock_off"],
    [skew, "open"],
  ])("that jumps by %i s between two reads makes it %s at once", async (jump, wanted) => {
    const { replica, pass } = await house();
    const { keys, clock, state } = replica();
    await keys.renew();
    pass(10);
    clock.move(jump);
    expect(state()).toBe(wanted);
    clock.move(-jump);
    expect(state()).toBe("open");
  });

  test("that was off and jumps to the right time is trusted again", async () => {
    const { replica } = await house();
    const { keys, clock, state } = replica();
    clock.move(100);
    await keys.renew();
    expect(state()).toBe("clock_off");
    expect(keys.clockOffsetSeconds).toBe(-100);
    clock.move(-100);
    expect(state()).toBe("open");
  });
});

describe("a store that went back in time", () => {
  test("is rejected, and accepted again only when it has what was seen", async () => {
    const { store, replica, rotation, pass } = await house();
    const { keys, state } = replica();
    const backup = await store.load();
    await rotateOn(rotation, pass);
    await keys.renew();
    const seen = keys.versionSeen;
    store.show(() => backup);
    await keys.renew();
    expect(state()).toBe("store_older");
    expect(keys.versionSeen).toBe(seen);
    await keys.renew();
    expect(state()).toBe("store_older");
    store.show(undefined);
    await keys.renew();
    expect(state()).toBe("open");
  });

  test("and was then changed up to the old version is another store: it is rejected, and nothing is signed on it", async () => {
    const { store, replica } = await house();
    const [{ keys, state, view }, other] = [replica(), await house()];
    await keys.renew();
    const before = view();
    const forked = await other.store.load();
    store.show((set) => ({ ...forked, now: set.now }));
    await keys.renew();
    expect(state()).toBe("store_forked");
    expect(view().signing).toBeUndefined();
    expect(keys.mayChangeStore()).toBe(false);
    store.show(undefined);
    await keys.renew();
    expect(view()).toEqual(before);
  });

  test("is rejected by a replica that saw more in an earlier life", async () => {
    const { replica } = await house();
    const { keys, state } = replica({ versionSeenBefore: 2 });
    await keys.renew();
    expect(state()).toBe("store_older");
    expect(keys.versionSeen).toBe(2);
  });

  test("is not mistaken for a read that a later one has overtaken", async () => {
    const { store, replica, rotation, pass } = await house();
    const { keys, state } = replica();
    await keys.renew();
    let answer = (): void => undefined;
    store.holdNext(new Promise<void>((resolve) => (answer = resolve)));
    const slow = keys.renew();
    await rotateOn(rotation, pass);
    await keys.renew();
    answer();
    await slow;
    expect(state()).toBe("open");
  });
});

describe("a signing key that cannot be opened", () => {
  test("is an altered store: the read rejects, and the keys in force stay until their lease ends", async () => {
    const { store, replica, rotation, pass } = await house();
    const { keys, state, view } = replica();
    await keys.renew();
    const before = view();
    await operate(rotation, { kind: "activate", kid: undefined }, new Set(["short-lead"]));

    const altered = (sealed: string): string => sealed.slice(0, -2) + (sealed.endsWith("AA") ? "BA" : "AA");
    store.show((set) => ({
      ...set,
      keys: set.keys.map((key) => ({
        ...key,
        sealed: key.sealed && altered(key.sealed),
      })),
    }));
    await expect(keys.renew()).rejects.toThrow(StoreCorrupt);
    await expect(keys.renew()).rejects.toMatchObject({ damage: { what: "key_unopened" } });
    expect(view()).toEqual(before);
    pass(F + 1);
    expect(state()).toBe("lease_expired");
  });

  test("at start leaves the replica fenced", async () => {
    const { replica } = await house();
    const { keys, state } = replica({ custody: custodyOf(keksUnder(8)) });
    await expect(keys.renew()).rejects.toThrow(StoreCorrupt);
    expect(state()).toBe("not_read_yet");
  });
});

describe("the JWKS", () => {
  test("is the same, byte for byte, on all replicas that know one version", async () => {
    const { store, replica, rotation, pass } = await house();
    const [one, two] = [replica(), replica()];
    for (let round = 0; round < 3; round += 1) {
      await one.keys.renew();
      store.show((set) => ({ ...set, keys: set.keys.toReversed() }));
      await two.keys.renew();
      store.show(undefined);
      expect(one.keys.versionSeen).toBe(two.keys.versionSeen);
      expect(one.view().jwks).toEqual(two.view().jwks);
      await rotateOn(rotation, pass);
    }
  });

  test("loses a revoked key with the next read, and its successor signs", async () => {
    const { replica, rotation } = await house();
    const { keys, view } = replica();
    await keys.renew();
    const kid = view().signing?.kid;
    if (kid === undefined) throw new Error("nothing signs");
    const accepted = new Set(["short-lead" as const]);
    expect(await operate(rotation, { kind: "revoke", kid, reason: "leaked" }, accepted)).toMatchObject({
      kind: "done",
    });
    await keys.renew();
    expect(view().signing?.kid).not.toBe(kid);
    expect(view().jwks?.body).not.toContain(kid);
  });

  test("is not served while no key may sign", async () => {
    const { replica, store } = await house();
    store.show((set) => ({ ...set, keys: set.keys.filter((key) => key.signingFrom === undefined) }));
    const { keys, state } = replica();
    await keys.renew();
    expect(state()).toBe("no_signing_key");
  });
});

describe("the key that signs", () => {
  test("is of another algorithm while none of the replica's own is ready", async () => {
    const { replica, rotation, pass } = await house("RS256");
    const { keys, clock, view } = replica({ alg: "ES256" });
    await keys.renew();
    expect(view().signing?.signer.alg).toBe("RS256");
    const ofTheOtherReplica = (): Beat => ({
      replica: otherReplica("old", "RS256"),
      serving: true,
      maxTtlSeconds: 3_600,
      signings: [],
      verifiers: [],
      untracked: [],
    });
    const changing = { ...rotation, rules: { ...rotation.rules, alg: "ES256" as const } };
    await keys.renew();
    await rotation.store.beat(ofTheOtherReplica);
    await rotate(changing);
    pass(RULES.leadSeconds);
    await keys.renew();
    expect(view().signing?.signer.alg).toBe("RS256");
    await rotation.store.beat(ofTheOtherReplica);
    await rotate(changing);
    await keys.renew();
    expect(clock.now()).toBe((await rotation.store.load()).now);
    expect(view().signing?.signer.alg).toBe("ES256");
  });

  test("signs no token that would outlive it, whatever TTL is requested", async () => {
    const { replica, pass, rotation } = await house();
    const { keys, clock, view } = replica();
    const ask = () =>
      mint(
        mintDeps({ keys, clock }),
        anyone(),
        mintRequest({ sender: "agent", ttl_seconds: 3_600 }),
        NO_POLICY,
      );
    await keys.renew();
    const end = view().signing?.notAfter ?? 0;
    expect(end).toBe(clock.now() + 2 * RULES.periodSeconds + 3_600);
    pass(2 * RULES.periodSeconds + 3_590);
    await keys.renew();
    expect(await ask()).toMatchObject({ kind: "minted", claims: { exp: end, iat: end - 10 } });
    pass(10);
    await keys.renew();
    expect(await ask()).toEqual({ kind: "rejected", refusal: { reason: "no_signing_key" } });
    await rotate(rotation);
  });
});

describe("a replica whose tokens may live longer than the store knows for the signing key", () => {
  const longer = { ...RULES.timing, maxTtlSeconds: 7_200 };

  test("reports it before it signs, so that the key outlives the tokens even if the replica crashes at once", async () => {
    const { store, replica } = await house();
    const { keys, state } = replica({ timing: longer });
    await keys.renew();
    expect(state()).toBe("open");
    expect(store.beats).toMatchObject([{ maxTtlSeconds: 7_200, serving: false }]);
    const signing = (await store.load()).keys.find((key) => key.signingFrom !== undefined);
    expect(signing?.maxTtlSeconds).toBe(7_200);
  });

  test("reports it for each new signing key before it is in force", async () => {
    const { store, replica, rotation, pass } = await house();
    const { keys, view } = replica({ timing: longer });
    for (let round = 0; round < 3; round += 1) {
      await keys.renew();
      const signing = (await store.load()).keys.find((key) => key.kid === view().signing?.kid);
      expect(signing?.maxTtlSeconds).toBe(7_200);
      await rotateOn(rotation, pass);
    }
  });

  test("does not sign while it cannot report it", async () => {
    const { store, replica } = await house();
    const { keys, state } = replica({ timing: longer });
    store.beat = () => Promise.reject(new StoreUnavailable("read_only"));
    await expect(keys.renew()).rejects.toThrow(StoreUnavailable);
    expect(state()).toBe("not_read_yet");
  });

  test("reports nothing to a store that went back in time", async () => {
    const { store, replica } = await house();
    const { keys, state } = replica({ timing: longer, versionSeenBefore: 9 });
    await keys.renew();
    expect([state(), store.beats]).toEqual(["store_older", []]);
  });
});

describe("a beat", () => {
  test("reports once what was signed: for each key only the latest end", async () => {
    const { store, replica, storeClock } = await house();
    const { keys, view } = replica();
    await keys.renew();
    const kid = view().signing?.kid;
    if (kid === undefined) throw new Error("nothing signs");
    for (const life of [300, 900, 60]) keys.usage.noteSigned(kid, epochSeconds(storeClock.now() + life));
    await keys.renew();
    await keys.renew();
    expect(store.beats.slice(1).map((beat) => beat.signings)).toEqual([
      [{ kid, maxExp: storeClock.now() + 900 }],
      [],
    ]);
    expect((await store.load()).keys.find((key) => key.kid === kid)?.maxExp).toBe(storeClock.now() + 900);
  });

  test("that fails is followed by one that reports everything: no signature is left out", async () => {
    const { store, replica, storeClock } = await house();
    const { keys, view } = replica();
    await keys.renew();
    const kid = view().signing?.kid;
    if (kid === undefined) throw new Error("nothing signs");
    keys.usage.noteSigned(kid, epochSeconds(storeClock.now() + 900));
    store.down = true;
    await expect(keys.renew()).rejects.toThrow(StoreUnavailable);
    keys.usage.noteSigned(kid, epochSeconds(storeClock.now() + 60));
    store.down = false;
    await keys.renew();
    expect(store.beats[1]?.signings).toEqual([{ kid, maxExp: storeClock.now() + 900 }]);
  });

  test("reports whether this replica serves, which version, for which algorithm, and how long its tokens live", async () => {
    const { store, replica, pass } = await house();
    const { keys } = replica({ replicaId: "two" });
    await keys.renew();
    await keys.renew();
    pass(F + 1);
    await keys.renew();
    expect(
      store.beats.map(({ serving, replica: { id, version, alg }, maxTtlSeconds }) => [
        serving,
        id,
        version,
        alg,
        maxTtlSeconds,
      ]),
    ).toEqual([
      [false, "two", 0, "ES256", 3_600],
      [true, "two", 1, "ES256", 3_600],
      [false, "two", 1, "ES256", 3_600],
    ]);
  });

  test("reports who fetched which version of the JWKS", async () => {
    const { store, replica } = await house();
    const { keys } = replica();
    await keys.renew();
    keys.usage.noteFetch("10.0.0.1", "runtime");
    await keys.renew();
    expect((await store.load()).verifiers).toMatchObject([
      { address: "10.0.0.1", userAgent: "runtime", version: 1, fetches: 1 },
    ]);
  });
});

describe("a set that was read beside the beats", () => {
  test("is not planned on when the store was put back since the last beat: nothing hides that from the next one", async () => {
    const { store, storeClock, replica, rotation, pass } = await house();
    const { keys, state } = replica();
    await keys.renew();
    pass(RULES.periodSeconds);
    await rotate(rotation);
    await keys.renew();
    const { version } = await store.load();
    const older = memoryKeyStore(storeClock);
    await rotate({ ...rotation, store: older });
    pass(F + 1);
    await keys.renew();
    store.replaceWith(older);
    // Both begin in the same tick, as the loops of the service do.
    await Promise.all([rotationRound(rotation, keys), keys.renew()]);
    expect((await older.load()).version).toBeLessThan(version);
    expect((await older.load()).version).toBe(1);
    expect(state()).toBe("store_older");
    expect(
      await operate(rotation, { kind: "prepare", alg: "ES256" }, new Set(), (set) => keys.doubtAbout(set)),
    ).toEqual({
      kind: "doubted",
      doubt: "store_older",
    });
  });

  test("is not planned on when the store's clock has jumped since the last beat: no key is retired while its tokens live", async () => {
    const { store, storeClock, replica, rotation, pass } = await house();
    const { keys } = replica();
    pass(RULES.periodSeconds);
    await rotate(rotation);
    await keys.renew();
    const { version } = await store.load();
    storeClock.move(10_800);
    await rotationRound(rotation, keys);
    expect((await store.load()).version).toBe(version);
    expect(keys.doubtAbout(await store.load())).toBe("clock_off");
  });
});

test("a beat that began later, found an older version and was answered last is overtaken: the replica is not fenced", async () => {
  const { store, replica } = await house();
  const begun: { readonly find: () => Promise<void>; readonly answer: () => void }[] = [];
  /** Each beat reaches the store, and is answered, when the test says so. */
  const inHand: KeyStore = {
    load: () => store.load(),
    replace: (seen, changes) => store.replace(seen, changes),
    beat: (report) =>
      new Promise((resolve) => {
        let found: KeySet | undefined;
        begun.push({
          find: async () => {
            found = await store.beat(report);
          },
          answer: () => found && resolve(found),
        });
      }),
  };
  const { keys, state, view } = replica({ store: inHand });
  const beats = [keys.renew(), keys.renew()];
  const [first, second] = begun;
  await second?.find();
  const [key] = (await store.load()).keys;
  expect(await store.replace(1, [{ kind: "pause", kid: key?.kid ?? kidOf("none"), seconds: 1 }])).toBe(
    "replaced",
  );
  await first?.find();
  first?.answer();
  await beats[0];
  const before = view();
  second?.answer();
  await beats[1];
  expect(state()).toBe("open");
  expect(view()).toBe(before);
  expect(keys.set?.version).toBe(2);
});

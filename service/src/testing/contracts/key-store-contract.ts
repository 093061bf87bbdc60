import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Impossible } from "../../kernel/assert.ts";
import { type EpochSeconds, epochSeconds } from "../../kernel/clock.ts";
import { DEFAULT_KEY_SET, parseKeySetName } from "../../kernel/ids.ts";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import type { Algorithm } from "../../keys/algorithm.ts";
import type { KeyEncryptionKeys } from "../../keys/custody/key-encryption-keys.ts";
import type { KeyChange } from "../../keys/managed/key-change.ts";
import type { Beat, KeySet, KeyStore, VerifierSighting } from "../../keys/managed/key-store.ts";
import { isSigning, type ManagedKey } from "../../keys/managed/managed-key.ts";
import type { RotationSettings } from "../../keys/managed/plan/rotation-rules.ts";
import { leadThroughGraceSeconds } from "../../keys/timing.ts";
import { custodyOf, keksUnder } from "../custodies.ts";
import { RULES } from "../managed-key-sets.ts";
import type { StorePlace } from "../store-places.ts";

export type Publish = Extract<KeyChange, { kind: "publish" }>;

/** The change that publishes a fresh key. */
export async function publishFresh(keks: KeyEncryptionKeys, alg: Algorithm = "ES256"): Promise<Publish> {
  return { kind: "publish", ...(await custodyOf(keks).make(alg)) };
}

export function activate({ kid }: Publish): KeyChange {
  return { kind: "activate", kid, lifeSeconds: 1000, maxTtlSeconds: 300 };
}

/** A replica that runs with `RULES`, but for `other`. */
export function replicaOf(
  id: string,
  version: number,
  alg: Algorithm = "ES256",
  other: Partial<RotationSettings> = {},
): Beat["replica"] {
  const { periodSeconds, leadSeconds, timing, gate } = RULES;
  return { id, alg, version, settings: { periodSeconds, leadSeconds, timing, gate, ...other } };
}

/** Reports a replica that does nothing; override what a test is about. */
export function beatOf(override: Partial<Beat> = {}): () => Beat {
  return () => ({
    replica: replicaOf("one", 0),
    serving: false,
    maxTtlSeconds: 300,
    signings: [],
    verifiers: [],
    untracked: [],
    ...override,
  });
}

/** What the port `KeyStore` promises, of one adapter. Those that outlive the process pass `storedKeysContract` too. */
export function keyStoreContract(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`the key store on ${name}`, { timeout: 60_000 }, () => {
    let place: StorePlace;
    beforeEach(async () => {
      place = await makePlace();
    });
    afterEach(() => place.remove());
    replacePromises(() => place);
    racePromises(() => place);
    beatPromises(() => place);
    verifierPromises(() => place);
    neighbourPromises(() => place);
  });
}

const keks = keksUnder(1);

function only(set: KeySet, { kid }: Publish): ManagedKey | undefined {
  return set.keys.find((key) => key.kid === kid);
}

/** A store whose version 1 has one active key. */
async function withActive(place: StorePlace): Promise<{ store: KeyStore; first: Publish }> {
  const store = await place.open(keks);
  const first = await publishFresh(keks);
  await store.replace(0, [first, activate(first)]);
  return { store, first };
}

function replacePromises(place: () => StorePlace): void {
  test("a new store is empty, of version 0, and was never served", async () => {
    const store = await place().open(keks);
    expect(await store.load()).toMatchObject({
      version: 0,
      keys: [],
      servedAt: undefined,
      replicas: [],
      verifiers: [],
    });
  });

  test("a key comes back as it went in, stamped with the store's clock and the version that first held it", async () => {
    const store = await place().open(keks);
    const before = (await store.load()).now;
    const first = await publishFresh(keks);
    expect(await store.replace(0, [first, activate(first)])).toBe("replaced");
    const set = await store.load();
    const key = only(set, first);
    expect(set.version).toBe(1);
    expect(key).toMatchObject({
      kid: first.kid,
      alg: "ES256",
      publicJwk: first.publicJwk,
      publishedVersion: 1,
      maxTtlSeconds: 300,
      maxExp: 0,
    });
    for (const moment of [key?.publishedFrom, key?.signingFrom]) {
      expect(moment).toBeGreaterThanOrEqual(before);
      expect(moment).toBeLessThanOrEqual(set.now);
    }
    expect(key).toMatchObject({ sealed: first.sealed });
  });

  test("the version grows by one with each change, however many changes it has", async () => {
    const { store, first } = await withActive(place());
    const second = await publishFresh(keks);
    expect(await store.replace(1, [second, { kind: "deactivate", kid: first.kid }, activate(second)])).toBe(
      "replaced",
    );
    expect((await store.load()).servedAt).toBeUndefined();
    expect(await store.replace(2, [{ kind: "pause", kid: second.kid, seconds: 5 }])).toBe("replaced");
    // The gap is accounted for, so no other replica counts it again.
    expect((await store.load()).servedAt).toBeDefined();
    expect(await store.load()).toMatchObject({ version: 3 });
  });

  test("a key takes over in one change from one that was published after it", async () => {
    const store = await place().open(keks);
    const [older, newer] = [await publishFresh(keks), await publishFresh(keks)];
    await store.replace(0, [older, newer, activate(newer)]);
    expect(await store.replace(1, [{ kind: "deactivate", kid: newer.kid }, activate(older)])).toBe(
      "replaced",
    );
    expect((await store.load()).keys.filter(isSigning).map((key) => key.kid)).toEqual([older.kid]);
  });

  test("a change that was planned on another version is stale and changes nothing", async () => {
    const { store, first } = await withActive(place());
    const before = await store.load();
    for (const seen of [0, 2])
      expect(await store.replace(seen, [{ kind: "taint", kid: first.kid, reason: "stale" }])).toBe("stale");
    expect(await store.load()).toMatchObject({ version: 1, keys: before.keys });
  });

  test("when one change of several is rejected, none happens", async () => {
    const { store, first } = await withActive(place());
    const before = await store.load();
    const [second, unknown] = [await publishFresh(keks), await publishFresh(keks)];
    await expect(
      store.replace(1, [second, { kind: "taint", kid: first.kid, reason: "no" }, activate(unknown)]),
    ).rejects.toThrow(Impossible);
    expect(await store.load()).toMatchObject({ version: 1, keys: before.keys });
    expect(await store.replace(1, [second])).toBe("replaced");
  });

  test("a second active key of one algorithm is rejected; one of another algorithm is not", async () => {
    const { store } = await withActive(place());
    const [second, other] = [await publishFresh(keks), await publishFresh(keks, "RS256")];
    await expect(store.replace(1, [second, activate(second)])).rejects.toThrow(Impossible);
    expect(await store.replace(1, [other, activate(other)])).toBe("replaced");
  });

  test("a kid is never used again, not after it was retired or revoked", async () => {
    const { store, first } = await withActive(place());
    const second = await publishFresh(keks);
    await store.replace(1, [
      second,
      { kind: "revoke", kid: second.kid, reason: "leaked" },
      { kind: "deactivate", kid: first.kid },
    ]);
    await store.replace(2, [{ kind: "retire", kid: first.kid }]);
    for (const gone of [first, second]) await expect(store.replace(3, [gone])).rejects.toThrow(Impossible);
    expect((await store.load()).keys.map((key) => key.sealed)).toEqual([undefined, undefined]);
  });
}

/** The name of a second key set. */
export const OTHER_SET = parseKeySetName("other") ?? DEFAULT_KEY_SET;

function neighbourPromises(place: () => StorePlace): void {
  test("two sets of one database see nothing of each other, and each has a signing key of its own", async () => {
    const { store, first } = await withActive(place());
    const other = await place().open(keks, OTHER_SET);
    await store.beat(beatOf({ serving: true, verifiers: [sighting()], untracked: [UNTRACKED] }));
    const empty = { version: 0, keys: [], servedAt: undefined, replicas: [], verifiers: [], untracked: [] };
    expect(await other.load()).toMatchObject(empty);
    const before = await store.load();

    // The same key and the same replica, in the other set.
    expect(await other.replace(0, [first, activate(first)])).toBe("replaced");
    await other.beat(beatOf({ replica: replicaOf("one", 7), verifiers: [sighting({ fetches: 5 })] }));
    expect(await store.load()).toMatchObject({ ...before, now: expect.any(Number) as number });
    expect(await other.load()).toMatchObject({
      version: 1,
      keys: [{ kid: first.kid }],
      replicas: [{ version: 7 }],
      verifiers: [{ fetches: 5 }],
      untracked: [],
    });
  });

  test("a change of one set is not stale because the other has changed", async () => {
    const { store, first } = await withActive(place());
    const other = await place().open(keks, OTHER_SET);
    for (const version of [0, 1, 2])
      expect(await other.replace(version, [await publishFresh(keks)])).toBe("replaced");
    expect(await store.replace(1, [{ kind: "pause", kid: first.kid, seconds: 1 }])).toBe("replaced");
  });
}

const UNTRACKED = { version: 1, address: "10.0.0.9", seenAt: epochSeconds(1000), fetches: 2 };

function racePromises(place: () => StorePlace): void {
  test("of ten changes at once exactly one wins, and the set is the winner's", async () => {
    const stores = await Promise.all(Array.from({ length: 10 }, () => place().open(keks)));
    const changes = await Promise.all(stores.map(() => publishFresh(keks)));
    const outcomes = await Promise.all(
      stores.map((store, index) => store.replace(0, [changes[index] as Publish])),
    );
    expect(outcomes.filter((outcome) => outcome === "replaced")).toHaveLength(1);
    const winner = changes[outcomes.indexOf("replaced")];
    for (const store of stores) {
      const set = await store.load();
      expect([set.version, set.keys.map((key) => key.kid)]).toEqual([1, [winner?.kid]]);
    }
  });

  test("changes and beats at once lose nothing, and every look at them is of one moment", async () => {
    const { store, first } = await withActive(place());
    const others = await Promise.all(Array.from({ length: 4 }, () => place().open(keks)));
    // One replica has one beat under way at a time, as in production: a store may give up a beat that waits too long for its turn.
    const beats = others.map(async (other, index) => {
      for (let round = 1; round <= 5; round += 1) {
        const signings = [{ kid: first.kid, maxExp: epochSeconds(10 * index + round) }];
        const beat = beatOf({
          replica: replicaOf(String(index), 1),
          signings,
          verifiers: [sighting({ fetches: 1 })],
        });
        await inItsTurn(() => other.beat(beat));
      }
    });
    let ended = false;
    const pauses = (async () => {
      for (let version = 1; version <= 20; version += 1)
        await inItsTurn(() => store.replace(version, [{ kind: "pause", kid: first.kid, seconds: 1 }]));
      ended = true;
    })();
    const looks = others.map(async (other) => {
      while (!ended) {
        const look = await inItsTurn(() => other.load());
        expect(only(look, first)?.pausedSeconds).toBe(look.version - 1);
      }
    });
    await Promise.all([...beats, pauses, ...looks]);
    const set = await store.load();
    expect(set).toMatchObject({ version: 21, verifiers: [{ fetches: 20 }] });
    expect(only(set, first)).toMatchObject({ pausedSeconds: 20, maxExp: 35 });
    expect(set.replicas.map((replica) => replica.id).toSorted()).toEqual(["0", "1", "2", "3"]);
  });
}

/** What is done when the store has time for it: on a busy machine one of many that come at once may wait longer than the store's bound. */
async function inItsTurn<T>(step: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1)
    try {
      return await step();
    } catch (thrown) {
      if (!(thrown instanceof StoreUnavailable) || tries === TRIES_MAX) throw thrown;
    }
}

const TRIES_MAX = 20;

function beatPromises(place: () => StorePlace): void {
  test("a beat never changes the version; the latest expiry and the longest token life only grow", async () => {
    const { store, first } = await withActive(place());
    const reported: (readonly [number, number])[] = [
      [500, 300],
      [900, 600],
      [700, 60],
    ];
    for (const [maxExp, maxTtlSeconds] of reported) {
      await store.beat(
        beatOf({ maxTtlSeconds, signings: [{ kid: first.kid, maxExp: epochSeconds(maxExp) }] }),
      );
    }
    const set = await store.load();
    expect(set.version).toBe(1);
    expect(only(set, first)).toMatchObject({ maxExp: 900, maxTtlSeconds: 600 });
  });

  test("what is reported of a kid that is not there is left out", async () => {
    const { store } = await withActive(place());
    const unknown = await publishFresh(keks);
    await store.beat(beatOf({ signings: [{ kid: unknown.kid, maxExp: epochSeconds(5) }] }));
    expect((await store.load()).keys).toHaveLength(1);
  });

  test("only a replica that serves moves the moment of the last service", async () => {
    const { store } = await withActive(place());
    await store.beat(beatOf());
    expect((await store.load()).servedAt).toBeUndefined();
    await store.beat(beatOf({ serving: true }));
    const { servedAt, now } = await store.load();
    expect(now - (servedAt ?? 0)).toBeLessThanOrEqual(2);
    expect(now).toBeGreaterThanOrEqual(servedAt ?? Number.POSITIVE_INFINITY);
  });

  test("a replica is known by its last beat, with all that it runs with, and forgotten after a day", async () => {
    const { store } = await withActive(place());
    await store.beat(beatOf({ replica: replicaOf("gone", 1, "RS256") }));
    await place().age(86_410);
    await store.beat(beatOf({ replica: replicaOf("one", 0, "RS256", { gate: "enforce" }) }));
    await store.beat(beatOf({ replica: replicaOf("one", 1) }));
    const { replicas, now } = await store.load();
    expect(replicas).toEqual([{ ...replicaOf("one", 1), seenAt: expect.closeTo(now, -1) as EpochSeconds }]);
  });

  test("a replica that has ended is known for B2 of its own settings, where that is longer than a day", async () => {
    const { store } = await withActive(place());
    const timing = { ...RULES.timing, verifierGraceSeconds: 2 * 86_400 };
    await store.beat(beatOf({ replica: replicaOf("gone", 1, "ES256", { timing }) }));
    const ids = async (): Promise<readonly string[]> =>
      (await store.load()).replicas.map(({ id }) => id).toSorted();
    await place().age(2 * 86_400);
    await store.beat(beatOf());
    expect(await ids()).toEqual(["gone", "one"]);
    await place().age(leadThroughGraceSeconds(timing) - 2 * 86_400 + 10);
    await store.beat(beatOf());
    expect(await ids()).toEqual(["one"]);
  });
}

function sighting(override: Partial<VerifierSighting> = {}): VerifierSighting {
  const usual = {
    address: "10.0.0.1",
    userAgent: "runtime/1",
    version: 1,
    seenAt: epochSeconds(1000),
    minIntervalSeconds: undefined,
    fetches: 1,
  };
  return { ...usual, ...override };
}

function verifierPromises(place: () => StorePlace): void {
  test("sightings of a verifier are folded into one", async () => {
    const store = await place().open(keks);
    await store.beat(
      beatOf({
        verifiers: [
          sighting({ version: 3, minIntervalSeconds: 290, fetches: 2 }),
          sighting({ address: "::1" }),
        ],
      }),
    );
    await store.beat(
      beatOf({ verifiers: [sighting({ version: 2, seenAt: epochSeconds(1300), minIntervalSeconds: 300 })] }),
    );
    await store.beat(beatOf());
    expect((await store.load()).verifiers).toEqual([
      sighting({ version: 3, seenAt: epochSeconds(1300), minIntervalSeconds: 290, fetches: 3 }),
      sighting({ address: "::1" }),
    ]);
  });

  test("of more than a thousand verifiers the one that was seen longest ago is forgotten", async () => {
    const store = await place().open(keks);
    const crowd = Array.from({ length: 1000 }, (_, index) =>
      sighting({ address: `host-${String(index)}`, seenAt: epochSeconds(2000 + index) }),
    );
    await store.beat(beatOf({ verifiers: crowd }));
    await store.beat(beatOf({ verifiers: [sighting({ seenAt: epochSeconds(9000) })] }));
    const { verifiers } = await store.load();
    expect(verifiers).toHaveLength(1000);
    expect(verifiers[0]).toEqual(sighting({ seenAt: epochSeconds(9000) }));
    expect(verifiers.some((one) => one.address === "host-0")).toBe(false);
  });

  test("of one address eight verifiers are remembered, however often it changes its name: it displaces no other", async () => {
    const store = await place().open(keks);
    await store.beat(beatOf({ verifiers: [sighting({ address: "10.9.9.9" })] }));
    for (let beat = 0; beat < 4; beat += 1) {
      const names = Array.from({ length: 8 }, (_, index) =>
        sighting({ userAgent: `agent ${String(beat)}-${String(index)}`, seenAt: epochSeconds(2000 + beat) }),
      );
      await store.beat(beatOf({ verifiers: names }));
    }
    const { verifiers } = await store.load();
    expect(verifiers.map((one) => one.userAgent).filter((name) => name.startsWith("agent 3-"))).toHaveLength(
      8,
    );
    expect(verifiers).toHaveLength(9);
  });

  test("verifiers beyond that leave what they were served: by version, with the latest time and address", async () => {
    const store = await place().open(keks);
    const named = (name: string, second: number) =>
      sighting({ userAgent: name, seenAt: epochSeconds(second), version: 2 });
    const crowd = Array.from({ length: 9 }, (_, index) => named(`agent ${String(index)}`, 2000 + index));
    await store.beat(beatOf({ verifiers: crowd }));
    const reported = { version: 2, address: "é", seenAt: epochSeconds(1990), fetches: 5 };
    await store.beat(beatOf({ untracked: [reported, { ...reported, version: 3 }] }));
    await store.beat(beatOf({ verifiers: [named("agent 9", 1999)] }));
    expect((await store.load()).untracked).toEqual([
      { version: 2, address: "10.0.0.1", seenAt: 2000, fetches: 7 },
      { ...reported, version: 3 },
    ]);
    expect((await store.load()).verifiers).toHaveLength(8);
  });
}

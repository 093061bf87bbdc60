import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { epochSeconds } from "../../kernel/clock.ts";
import { StoreCorrupt, StoreUnavailable, StoreUnusable } from "../../kernel/store-faults.ts";
import type { KeySet } from "../../keys/managed/key-store.ts";
import { migrateStore } from "../../stores/open.ts";
import { custodyOf, keksUnder, opens } from "../custodies.ts";
import type { OwnKeyStore, StoredPlace } from "../store-places.ts";
import {
  activate,
  beatOf,
  keyStoreContract,
  OTHER_SET,
  type Publish,
  publishFresh,
  replicaOf,
} from "./key-store-contract.ts";

/** What an adapter of `KeyStore` promises whose keys outlive the process: the contract of the port, and that nothing stored is believed. */
export function storedKeysContract(name: string, makePlace: () => Promise<StoredPlace>): void {
  keyStoreContract(name, makePlace);
  describe(`the keys stored in ${name}`, { timeout: 120_000 }, () => {
    let stored: Stored;
    beforeEach(async () => {
      stored = await activeAndStandby(await makePlace());
    });
    afterEach(() => stored.place.remove());
    lifePromises(() => stored);
    flipPromises(() => stored);
    rollbackPromises(() => stored);
    movePromises(() => stored);
    replicaPromises(() => stored);
    schemaPromises(() => stored);
  });
}

/** Version 1 of a set: one active key and one standby key. */
interface Stored {
  readonly place: StoredPlace;
  readonly store: OwnKeyStore;
  readonly active: Publish;
  readonly standby: Publish;
  readonly set: KeySet;
}

const keks = keksUnder(1);

async function activeAndStandby(place: StoredPlace): Promise<Stored> {
  const store = await place.open(keks);
  const [active, standby] = [await publishFresh(keks), await publishFresh(keks)];
  await store.replace(0, [active, activate(active), standby]);
  return { place, store, active, standby, set: await store.load() };
}

function lifePromises(stored: () => Stored): void {
  test("everything survives the end of the process", async () => {
    const { place, store, active } = stored();
    await store.beat(beatOf({ serving: true, signings: [{ kid: active.kid, maxExp: epochSeconds(77) }] }));
    const before = await store.load();
    await store.close();
    const later = await (await place.open(keks)).load();
    expect({ ...later, now: 0 }).toEqual({ ...before, now: 0 });
    expect(later.keys[0]?.publishedFrom).toBeGreaterThan(1_700_000_000);
  });

  test("another key-encryption key reads nothing and changes nothing", async () => {
    const stranger = await stored().place.open(keksUnder(2));
    await expect(stranger.load()).rejects.toThrow(StoreCorrupt);
    await expect(stranger.replace(1, [])).rejects.toThrow(StoreCorrupt);
    await expect(stranger.beat(beatOf())).rejects.toThrow(StoreCorrupt);
    expect((await stored().store.load()).version).toBe(1);
  });

  test("once a change was made under a new key-encryption key, the old one is not needed for any row", async () => {
    const { place, set } = stored();
    const both = keksUnder(2, 1);
    const changes = set.keys.map(({ kid }) => ({ kind: "revoke", kid, reason: "of the old key" }) as const);
    expect(await (await place.open(both)).replace(1, changes.slice(1))).toBe("replaced");
    expect((await (await place.open(keksUnder(2))).load()).keys).toHaveLength(2);
  });

  test("the private part of a revoked key is gone from the store", async () => {
    const { place, store, set } = stored();
    for (const key of set.keys) expect(await opens(custodyOf(keks), key)).toBe(true);
    await store.replace(
      1,
      set.keys.map(({ kid }) => ({ kind: "revoke", kid, reason: "leaked" }) as const),
    );
    const bodies = JSON.stringify(await place.sql("SELECT body FROM signing_keys"));
    for (const key of set.keys) expect(bodies).not.toContain(key.sealed);
  });

  test("a store that another transaction holds is given up in time, unchanged, and works again afterwards", async () => {
    const { place, store, active } = stored();
    await place.database.write(async (query) => {
      await query("UPDATE key_sets SET version = version");
      const started = performance.now();
      await expect(store.replace(1, [{ kind: "pause", kid: active.kid, seconds: 1 }])).rejects.toThrow(
        StoreUnavailable,
      );
      expect(performance.now() - started).toBeLessThan(4_000);
      expect((await store.load()).version).toBe(1);
    });
    expect(await store.replace(1, [{ kind: "pause", kid: active.kid, seconds: 1 }])).toBe("replaced");
  });
}

const COLUMNS = ["kid", "alg", "body", "tag"] as const;
type Row = Readonly<Record<(typeof COLUMNS)[number], string>>;

async function rowOf({ place, active }: Stored): Promise<Row> {
  const [row] = await place.sql("SELECT kid, alg, body, tag FROM signing_keys WHERE kid = $1", [active.kid]);
  return row as Row;
}

/** The text with the lowest bit of one character turned, for each character: another character that can be stored. */
function flipsOf(text: string): readonly string[] {
  return Array.from(
    text,
    (character, at) =>
      text.slice(0, at) + String.fromCharCode(character.charCodeAt(0) ^ 1) + text.slice(at + 1),
  );
}

function flipPromises(stored: () => Stored): void {
  test.each(COLUMNS)(
    "any flipped byte of a key's %s stops the load, and putting it back fixes it",
    async (column) => {
      const { place, store, set, active } = stored();
      const row = await rowOf(stored());
      const put = (text: string, kid: string) =>
        place.sql(`UPDATE signing_keys SET ${column} = $1 WHERE kid = $2`, [text, kid]);
      for (const altered of flipsOf(row[column])) {
        await put(altered, active.kid);
        const fault: unknown = await store.load().catch((thrown: unknown) => thrown);
        const kid = column === "kid" ? altered : active.kid;
        expect(fault).toEqual(new StoreCorrupt({ what: "row_altered", table: "signing_keys", kid }));
        await put(row[column], kid);
        expect((await store.load()).keys).toEqual(set.keys);
      }
    },
  );

  test("a key that is made to look active or not stops the load", async () => {
    const { place, store, active, standby } = stored();
    await place.sql("UPDATE signing_keys SET active = 0 WHERE kid = $1", [active.kid]);
    await expect(store.load()).rejects.toMatchObject({ damage: { what: "row_altered", kid: active.kid } });
    await place.sql("UPDATE signing_keys SET active = 1 WHERE kid = $1", [standby.kid]);
    await expect(store.load()).rejects.toMatchObject({ damage: { what: "row_altered" } });
  });

  test("any flipped byte of the set's tag, and any other version, stops the load", async () => {
    const { place, store } = stored();
    const [row] = (await place.sql("SELECT tag FROM key_sets")) as readonly { readonly tag: string }[];
    for (const tag of flipsOf(row?.tag ?? "")) {
      await place.sql("UPDATE key_sets SET tag = $1", [tag]);
      await expect(store.load()).rejects.toMatchObject({ damage: { what: "set_altered" } });
    }
    await place.sql("UPDATE key_sets SET tag = $1", [row?.tag ?? ""]);
    for (const version of [0, 2]) {
      await place.sql("UPDATE key_sets SET version = $1", [version]);
      await expect(store.load()).rejects.toMatchObject({ damage: { what: "set_altered" } });
    }
  });
}

function rollbackPromises(stored: () => Stored): void {
  test("a row that is put back to its older self is found, and nothing is done on top of it", async () => {
    const { place, store, active } = stored();
    const older = await rowOf(stored());
    await store.replace(1, [{ kind: "taint", kid: active.kid, reason: "leaked" }]);
    await place.sql("UPDATE signing_keys SET active = 1, body = $1, tag = $2 WHERE kid = $3", [
      older.body,
      older.tag,
      active.kid,
    ]);
    await expect(store.load()).rejects.toMatchObject({ damage: { what: "set_altered" } });
    await expect(store.replace(2, [{ kind: "taint", kid: active.kid, reason: "again" }])).rejects.toThrow(
      StoreCorrupt,
    );
    await expect(store.beat(beatOf({ serving: true }))).rejects.toThrow(StoreCorrupt);
    expect(await place.sql("SELECT served_at FROM key_sets WHERE version = 2")).toEqual([
      { served_at: null },
    ]);
  });

  test("a deleted row is found, whichever it is", async () => {
    const { place, store, standby } = stored();
    await place.sql("DELETE FROM signing_keys WHERE kid = $1", [standby.kid]);
    await expect(store.load()).rejects.toMatchObject({ damage: { what: "set_altered" } });
    await place.sql("DELETE FROM signing_keys");
    await expect(store.load()).rejects.toMatchObject({ damage: { what: "set_altered" } });
    await place.sql("DELETE FROM key_sets");
    await expect(store.load()).rejects.toMatchObject({ damage: { what: "row_missing", table: "key_sets" } });
  });

  test("a set that is put back to an older version is found while one row is newer", async () => {
    const { place, store } = stored();
    const [older] = (await place.sql("SELECT tag FROM key_sets")) as readonly { readonly tag: string }[];
    await store.replace(1, [await publishFresh(keks)]);
    await place.sql("UPDATE key_sets SET version = 1, tag = $1", [older?.tag ?? ""]);
    await expect(store.load()).rejects.toMatchObject({ damage: { what: "set_altered" } });
  });

  test("the database itself rejects a second active key of an algorithm", async () => {
    const { place, standby } = stored();
    await expect(
      place.sql("UPDATE signing_keys SET active = 1 WHERE kid = $1", [standby.kid]),
    ).rejects.toThrow();
  });
}

function movePromises(stored: () => Stored): void {
  test("a row that is moved to another set is found there, and missed where it was", async () => {
    const { place, store, standby } = stored();
    const other = await place.open(keks, OTHER_SET);
    await place.sql("UPDATE signing_keys SET key_set = $1 WHERE kid = $2", [OTHER_SET, standby.kid]);
    await expect(store.load()).rejects.toMatchObject({ damage: { what: "set_altered" } });
    await expect(other.load()).rejects.toMatchObject({ damage: { what: "row_altered", kid: standby.kid } });
    await expect(other.replace(0, [])).rejects.toThrow(StoreCorrupt);
  });

  test("a whole set that is put in the place of another is found", async () => {
    const { place } = stored();
    const other = await place.open(keks, OTHER_SET);
    await place.sql("DELETE FROM key_sets WHERE name = $1", [OTHER_SET]);
    await place.sql("UPDATE key_sets SET name = $1", [OTHER_SET]);
    await place.sql("UPDATE signing_keys SET key_set = $1", [OTHER_SET]);
    await expect(other.load()).rejects.toMatchObject({ damage: { what: "row_altered" } });
    // Nor does a set without keys pass for another one.
    await place.sql("DELETE FROM signing_keys");
    await expect(other.load()).rejects.toMatchObject({ damage: { what: "set_altered" } });
  });

  test("what is done to one set leaves the other as it is", async () => {
    const { place, store, active, set } = stored();
    const other = await place.open(keksUnder(2), OTHER_SET);
    const fresh = await publishFresh(keksUnder(2));
    expect(await other.replace(0, [fresh, activate(fresh)])).toBe("replaced");
    await place.sql("UPDATE signing_keys SET tag = 'x' WHERE key_set = $1", [OTHER_SET]);
    await expect(other.load()).rejects.toThrow(StoreCorrupt);
    expect(await store.load()).toMatchObject({ version: 1, keys: set.keys });
    expect(await store.replace(1, [{ kind: "pause", kid: active.kid, seconds: 1 }])).toBe("replaced");
  });
}

function replicaPromises(stored: () => Stored): void {
  test.each([
    ["no JSON", "{"],
    ["no object", "7"],
    ["without a timing", '{"periodSeconds":1,"leadSeconds":1,"gate":"off"}'],
    ["with an unknown gate", JSON.stringify({ ...replicaOf("one", 1).settings, gate: "ajar" })],
    [
      "with a period beyond every setting",
      JSON.stringify({ ...replicaOf("one", 1).settings, periodSeconds: 9_007_199_254_740_000 }),
    ],
    [
      "with a timing beyond every setting",
      JSON.stringify({
        ...replicaOf("one", 1).settings,
        timing: { ...replicaOf("one", 1).settings.timing, maxTtlSeconds: 315_360_001 },
      }),
    ],
    ["with a text for a number", JSON.stringify({ ...replicaOf("one", 1).settings, leadSeconds: "7200" })],
  ])(
    "what a replica runs with is read strictly: a row that is %s stops the load",
    async (_what, settings) => {
      const { place, store } = stored();
      await store.beat(beatOf());
      await place.sql("UPDATE replicas SET settings = $1", [settings]);
      await expect(store.load()).rejects.toMatchObject({
        damage: { what: "row_unreadable", table: "replicas" },
      });
    },
  );

  test("what a replica of a later version reports beyond this one is left out", async () => {
    const { place, store } = stored();
    await store.beat(beatOf());
    const { settings } = replicaOf("one", 0);
    await place.sql("UPDATE replicas SET settings = $1", [
      JSON.stringify({ ...settings, later: 1, timing: { ...settings.timing, later: 2 } }),
    ]);
    expect((await store.load()).replicas).toMatchObject([{ settings }]);
  });
}

function schemaPromises(stored: () => Stored): void {
  test("a schema that is up to date is left as it is; a newer one is rejected with both versions", async () => {
    const { place } = stored();
    const { from, to } = await migrateStore(place.location);
    expect(from).toBe(to);
    await place.sql("UPDATE schema_version SET version = 999");
    await expect(migrateStore(place.location)).rejects.toThrow(StoreUnusable);
    await expect(place.open(keks)).rejects.toMatchObject({ fault: { kind: "newer", found: 999, known: to } });
  });
}

import { z } from "zod";
import { type EpochSeconds, epochSeconds } from "../../kernel/clock.ts";
import type { KeySetName } from "../../kernel/ids.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import { applyChanges, applySignings } from "../../keys/managed/key-change.ts";
import type { Beat, JwksFetches, KeySet, KeyStore } from "../../keys/managed/key-store.ts";
import type { ManagedKey } from "../../keys/managed/managed-key.ts";
import { type Database, parseRows, type Query, Whole } from "./database.ts";
import { fetches, noteFetches } from "./fetch-rows.ts";
import { KeyRow, keysOf, rowOf, setTagOf } from "./key-rows.ts";
import { replicas, writeReplica } from "./replica-rows.ts";
import type { RowTags } from "./row-tags.ts";
import { storeNow } from "./store-now.ts";

const Moment = Whole.transform(epochSeconds);
const SetRow = z.object({ version: Whole, tag: z.string(), servedAt: Moment.nullable() });
type SetRow = z.infer<typeof SetRow>;

/** Is notified of fetches of the JWKS that could not be stored: how many, and why. */
export type FetchesDropped = (count: number, why: unknown) => void;

/** The set of a store, and what tags its rows. */
interface Owner {
  readonly keySet: KeySetName;
  readonly tags: RowTags;
}

export interface SqlKeyStoreDeps extends Owner {
  readonly fetchesDropped?: FetchesDropped | undefined;
}

/** One key set of a database whose tables are of the newest schema. Every key row and the set as a whole carry a tag. */
export function sqlKeyStore(
  database: Database,
  { fetchesDropped = () => undefined, ...owner }: SqlKeyStoreDeps,
): KeyStore {
  const { keySet, tags } = owner;
  return {
    load: () => database.read(async (query) => (await readSet(database, query, owner)).set),

    replace: (seen, changes) =>
      database.write(async (query) => {
        const taken = await query(
          'UPDATE key_sets SET version = version + 1 WHERE name = $1 AND version = $2 RETURNING version - 1 AS version, tag, served_at AS "servedAt"',
          [keySet, seen],
        );
        if (taken.length === 0) return "stale";
        const [before, now] = await Promise.all([
          keyRows(query, keySet),
          storeNow(database, query, "key_sets"),
        ]);
        const keys = keysOf(tags, { keySet, ...onlyRow(taken) }, before);
        const changed = applyChanges(keys, changes, now, seen + 1);
        await writeKeys(query, owner, { version: seen + 1, keys: changed, before });
        if (changes.some((change) => change.kind === "pause")) await noteServed(query, keySet, now);
        return "replaced";
      }),

    async beat(report) {
      let beat: Beat | undefined;
      const found = await database.write(async (query) => {
        const held = holdSet(query, keySet);
        const [{ set, rows }] = await Promise.all([readSet(database, query, owner), held]);
        beat = report(set);
        if (beat === undefined) return set;
        await Promise.all([
          noteSignings(query, owner, { ...set, before: rows }, beat),
          noteReplica(query, keySet, beat, set),
        ]);
        return set;
      });
      if (beat !== undefined) await noteApart(database, keySet, beat, fetchesDropped);
      return found;
    },
  };
}

/**
 * Writes who fetched the JWKS, in its own transaction: these texts come from outside, and the beat is committed and the round
 * continues even if they cannot be stored.
 */
async function noteApart(
  database: Database,
  keySet: KeySetName,
  { verifiers, untracked }: JwksFetches,
  dropped: FetchesDropped,
): Promise<void> {
  const fresh = [...verifiers, ...untracked];
  if (fresh.length === 0) return;
  try {
    await database.write(async (query) => {
      const held = holdSet(query, keySet);
      const [known] = await Promise.all([fetches(query, keySet), held]);
      await noteFetches(query, keySet, known, { verifiers, untracked });
    });
  } catch (thrown) {
    dropped(
      fresh.reduce((sum, one) => sum + one.fetches, 0),
      thrown,
    );
  }
}

/** Writes the set's row as it is: a change of its keys waits for this row, so there is none until the transaction ends. */
async function holdSet(query: Query, keySet: KeySetName): Promise<void> {
  await query("UPDATE key_sets SET version = version WHERE name = $1", [keySet]);
}

/** The whole set, checked, with the rows that it was read from. */
async function readSet(
  database: Database,
  query: Query,
  { keySet, tags }: Owner,
): Promise<{ readonly set: KeySet; readonly rows: readonly KeyRow[] }> {
  const [now, found, rows, known, fetched] = await Promise.all([
    storeNow(database, query, "key_sets"),
    query('SELECT version, tag, served_at AS "servedAt" FROM key_sets WHERE name = $1', [keySet]),
    keyRows(query, keySet),
    replicas(query, keySet),
    fetches(query, keySet),
  ]);
  const row = onlyRow(found);
  const set: KeySet = {
    version: row.version,
    keys: keysOf(tags, { keySet, ...row }, rows),
    now,
    servedAt: row.servedAt ?? undefined,
    replicas: known,
    ...fetched,
  };
  return { set, rows };
}

function onlyRow(rows: readonly unknown[]): SetRow {
  const [row, ...others] = parseRows(SetRow, "key_sets", rows);
  if (row === undefined || others.length > 0)
    throw new StoreCorrupt({ what: "row_missing", table: "key_sets" });
  return row;
}

async function keyRows(query: Query, keySet: KeySetName): Promise<readonly KeyRow[]> {
  return parseRows(
    KeyRow,
    "signing_keys",
    await query(
      'SELECT key_set AS "keySet", kid, alg, active, body, tag FROM signing_keys WHERE key_set = $1',
      [keySet],
    ),
  );
}

/** Writes the rows that differ, which includes those that an older key-encryption key had tagged, and the tag of the set. */
async function writeKeys(
  query: Query,
  owner: Owner,
  set: { readonly version: number; readonly keys: readonly ManagedKey[]; readonly before: readonly KeyRow[] },
): Promise<void> {
  const { keySet, tags } = owner;
  const rows = set.keys.map((key) => rowOf(tags, keySet, key));
  const known = new Set(set.before.map((row) => row.tag));
  // The key that stops signing goes first: the database refuses a second active one even within a transaction.
  const changed = rows
    .filter((row) => !known.has(row.tag))
    .toSorted((one, other) => one.active - other.active);
  const writes = changed.map(({ kid, alg, active, body, tag }) =>
    query(
      `INSERT INTO signing_keys (key_set, kid, alg, active, body, tag) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (key_set, kid) DO UPDATE SET alg = excluded.alg, active = excluded.active, body = excluded.body, tag = excluded.tag`,
      [keySet, kid, alg, active, body, tag],
    ),
  );
  const tag = query("UPDATE key_sets SET tag = $1 WHERE name = $2", [
    setTagOf(tags, { keySet, version: set.version }, rows),
    keySet,
  ]);
  await Promise.all([...writes, tag]);
}

async function noteSignings(
  query: Query,
  owner: Owner,
  set: { readonly version: number; readonly keys: readonly ManagedKey[]; readonly before: readonly KeyRow[] },
  beat: Beat,
): Promise<void> {
  const keys = applySignings(set.keys, beat.signings, beat.maxTtlSeconds);
  if (keys.some((key, index) => key !== set.keys[index])) await writeKeys(query, owner, { ...set, keys });
}

async function noteReplica(
  query: Query,
  keySet: KeySetName,
  { replica, serving }: Beat,
  set: KeySet,
): Promise<void> {
  const served = serving ? noteServed(query, keySet, set.now) : undefined;
  await Promise.all([served, writeReplica(query, keySet, replica, set)]);
}

/** From here on a new gap without a serving replica is counted. */
async function noteServed(query: Query, keySet: KeySetName, now: EpochSeconds): Promise<void> {
  await query("UPDATE key_sets SET served_at = $1 WHERE name = $2", [now, keySet]);
}

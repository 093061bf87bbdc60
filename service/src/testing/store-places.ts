import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { parseStoreUrl } from "../config/store-url.ts";
import { DEFAULT_KEY_SET, type KeySetName } from "../kernel/ids.ts";
import type { StoreLocation } from "../kernel/store-location.ts";
import type { KeyEncryptionKeys } from "../keys/custody/key-encryption-keys.ts";
import type { KeyStore } from "../keys/managed/key-store.ts";
import { keyStore } from "../stores/key-store.ts";
import { openAdapter, openDatabase } from "../stores/open.ts";
import type { Database, Query } from "../stores/sql/database.ts";
import { rowTags } from "../stores/sql/row-tags.ts";
import { TestClock } from "./moments.ts";

/** A key store with a database of its own. */
export interface OwnKeyStore extends KeyStore {
  close(): Promise<void>;
}

/** Opens one; rejects when the database cannot be reached now. */
export async function openKeyStore(
  location: StoreLocation,
  keks: KeyEncryptionKeys,
  keySet = DEFAULT_KEY_SET,
): Promise<OwnKeyStore> {
  const database = await openDatabase(location);
  const store = keyStore(database, { keySet, tags: rowTags(keks), clock: new TestClock() });
  const own = { ...store, close: () => database.close() };
  try {
    if (database.kind === "sql") await database.read(() => Promise.resolve());
    return own;
  } catch (thrown) {
    await own.close();
    throw thrown;
  }
}

/** Where one test's keys are. */
export interface StorePlace {
  /** One more connection to a key set of the same store, which is added when it is not there. */
  open(keks: KeyEncryptionKeys, keySet?: KeySetName): Promise<OwnKeyStore>;
  /** Makes the store think that its replicas reported this much earlier. */
  age(seconds: number): Promise<unknown>;
  /** Closes what was opened and removes all data. */
  remove(): Promise<void>;
}

/** A place that outlives the process, and how to get at it behind the store's back. */
export interface StoredPlace extends StorePlace {
  readonly url: string;
  readonly location: StoreLocation;
  readonly database: Database;
  /** One statement in a transaction of its own. */
  readonly sql: Query;
}

export function memoryPlace(): Promise<StorePlace> {
  const clock = new TestClock();
  return openDatabase({ kind: "memory" }).then((database) => ({
    open: (keks, keySet = DEFAULT_KEY_SET) =>
      Promise.resolve({
        ...keyStore(database, { keySet, tags: rowTags(keks), clock }),
        close: () => database.close(),
      }),
    age: async (seconds) => clock.move(seconds),
    remove: () => database.close(),
  }));
}

export async function sqlitePlace(): Promise<StoredPlace> {
  const directory = await mkdtemp(join(tmpdir(), "macp-auth-keys-"));
  const url = `sqlite:${join(directory, "keys.db")}`;
  return storedPlace(url, await openAt(url), () => rm(directory, { recursive: true }));
}

/** A schema of its own in the database of `MACP_TEST_POSTGRES_URL`. */
export async function postgresPlace(): Promise<StoredPlace> {
  const server = postgresUrl();
  if (server === undefined)
    throw new Error("set MACP_TEST_POSTGRES_URL; tools/postgres.sh start DIR prints one");
  const schema = `test_${randomBytes(6).toString("hex")}`;
  await onServer(server, `CREATE SCHEMA ${schema}`);
  const url = (options: string): string => {
    const withOptions = new URL(server);
    withOptions.searchParams.set("schema", schema);
    if (options !== "") withOptions.searchParams.set("options", options);
    return withOptions.href;
  };
  // What a test does behind the store's back need not be on the disk.
  const behind = await openAt(url("-c synchronous_commit=off"));
  return storedPlace(url(""), behind, () => onServer(server, `DROP SCHEMA ${schema} CASCADE`));
}

/** What a URL means. Throws for one that is not accepted. */
export function storeAt(url: string): Exclude<StoreLocation, { readonly kind: "memory" }> {
  const read = parseStoreUrl(url);
  if (read.kind === "fault" || read.kind === "memory") throw new Error(`no place for stored keys: ${url}`);
  return read;
}

function openAt(url: string): Promise<Database> {
  return openAdapter(storeAt(url));
}

/** Where the tests' PostgreSQL is, as `tools/postgres.sh start DIR` prints it. */
export function postgresUrl(): string | undefined {
  return process.env["MACP_TEST_POSTGRES_URL"] || undefined;
}

/** Without a PostgreSQL its tests may be left out, but never in CI. */
export function mayLeavePostgresOut(): boolean {
  return postgresUrl() === undefined && process.env["CI"] !== "true";
}

/** A place at a URL, under one connection for what a test does behind the store's back. */
export function storedPlace(
  url: string,
  database: Database,
  removePlace: () => Promise<unknown>,
): StoredPlace {
  const location = storeAt(url);
  const opened: { close(): Promise<void> }[] = [database];
  const sql: Query = (text, parameters) => database.write((query) => query(text, parameters));
  return {
    async open(keks, keySet = DEFAULT_KEY_SET) {
      const store = await openKeyStore(location, keks, keySet);
      await addKeySet(sql, keySet);
      opened.push(store);
      return store;
    },
    age: (seconds) => sql("UPDATE replicas SET seen_at = seen_at - $1", [seconds]),
    url,
    location,
    database,
    sql,
    async remove() {
      for (const one of opened) await one.close();
      await removePlace();
    },
  };
}

/** The service makes the first set with the tables, and no other yet. */
export async function addKeySet(query: Query, keySet: KeySetName): Promise<void> {
  await query("INSERT INTO key_sets (name, version, tag) VALUES ($1, 0, '') ON CONFLICT (name) DO NOTHING", [
    keySet,
  ]);
}

/** A statement that is not about the store, and so looks for no tables. */
async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

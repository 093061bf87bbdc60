import { randomBytes } from "node:crypto";
import pg from "pg";
import { DEFAULT_KEY_SET } from "../../kernel/ids.ts";
import type { PostgresLocation } from "../../kernel/store-location.ts";
import { openAdapter } from "../../stores/open.ts";
import { openPostgres } from "../../stores/postgres/database.ts";
import { POSTGRES } from "../../stores/postgres/dialect.ts";
import type { ValueTypes } from "../../stores/postgres/hosts.ts";
import type { Database } from "../../stores/sql/database.ts";
import { sqlKeyStore } from "../../stores/sql/key-store.ts";
import { migrate } from "../../stores/sql/migrate.ts";
import { MIGRATIONS, statementsFor } from "../../stores/sql/migrations.ts";
import { rowTags } from "../../stores/sql/row-tags.ts";
import {
  addKeySet,
  postgresPlace,
  postgresUrl,
  type StoredPlace,
  storeAt,
  storedPlace,
} from "../store-places.ts";

/** Statements as the owner of the tests' PostgreSQL, each outside of a transaction; resolves to the rows of the last. */
export async function onPostgres(...statements: readonly string[]): Promise<readonly unknown[]> {
  return asClient(new pg.Client({ connectionString: serverUrl() }), statements);
}

/** The same at another address: another database, role or server. */
export async function onPostgresAt(
  url: string,
  ...statements: readonly string[]
): Promise<readonly unknown[]> {
  return asClient(new pg.Client({ connectionString: url }), statements);
}

async function asClient(client: pg.Client, statements: readonly string[]): Promise<readonly unknown[]> {
  await client.connect();
  try {
    let rows: readonly unknown[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows as unknown[];
    return rows;
  } finally {
    await client.end();
  }
}

/** The URL that `tools/postgres.sh start DIR` printed. */
export function serverUrl(): string {
  const url = postgresUrl();
  if (url === undefined)
    throw new Error("set MACP_TEST_POSTGRES_URL; tools/postgres.sh start DIR prints one");
  return url;
}

/** The URL of another database on that server, or of another role. */
export function urlOf(change: { readonly database?: string; readonly role?: string }): string {
  const url = new URL(serverUrl());
  if (change.database !== undefined) url.pathname = `/${change.database}`;
  if (change.role !== undefined) url.username = change.role;
  return url.href;
}

/** A name that no other test uses. */
export function freshName(kind: string): string {
  return `${kind}_${randomBytes(6).toString("hex")}`;
}

/** An empty database with this encoding, for one test. */
export async function databasePlace(encoding: string): Promise<StoredPlace> {
  const database = freshName("encoding");
  await onPostgres(
    `CREATE DATABASE ${database} ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
  );
  const url = urlOf({ database });
  return storedPlace(url, await openAdapter(storeAt(url)), () =>
    onPostgres(`DROP DATABASE ${database} WITH (FORCE)`),
  );
}

/** What a PostgreSQL URL means. Throws for any other. */
export function postgresAt(url: string): PostgresLocation {
  const location = storeAt(url);
  if (location.kind !== "postgres") throw new Error(`no PostgreSQL URL: ${url}`);
  return location;
}

/** The driver's parsers of values off: every value comes as the text that the server sent. */
const AS_TEXT: ValueTypes = { getTypeParser: () => (text: string) => text };

/**
 * A place as on an engine that reads INTEGER as INT8 and gives moments as decimal text: every number of the tables is an INT8 or a
 * NUMERIC with decimals, and the driver parses nothing.
 */
export async function wideTypesPlace(): Promise<StoredPlace> {
  const place = await postgresPlace();
  const opened: Database[] = [];
  await place.database.write(async (query) => {
    await query("CREATE TABLE schema_version (id INT8 PRIMARY KEY CHECK (id = 1), version INT8 NOT NULL)");
    await query(`INSERT INTO schema_version (id, version) VALUES (1, ${String(MIGRATIONS.length)})`);
    for (const step of MIGRATIONS)
      for (const statement of statementsFor(step, POSTGRES)) await query(withWideTypes(statement));
  });
  return {
    ...place,
    async open(keks, keySet = DEFAULT_KEY_SET) {
      const database = await openPostgres(postgresAt(place.url), AS_TEXT);
      opened.push(database);
      await migrate(database);
      await addKeySet(place.sql, keySet);
      return { ...sqlKeyStore(database, { keySet, tags: rowTags(keks) }), close: () => database.close() };
    },
    async remove() {
      for (const one of opened) await one.close();
      await place.remove();
    },
  };
}

function withWideTypes(statement: string): string {
  return statement.replaceAll("BIGINT", "NUMERIC(20, 3)").replaceAll("INTEGER", "INT8");
}

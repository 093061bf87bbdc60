import { test } from "vitest";
import { openAdapter } from "../stores/open.ts";
import type { Database } from "../stores/sql/database.ts";
import { migrate } from "../stores/sql/migrate.ts";
import {
  mayLeavePostgresOut,
  postgresPlace,
  type StoredPlace,
  sqlitePlace,
  storeAt,
} from "./store-places.ts";

/** Describes the same tests of SQLite and of PostgreSQL; without a PostgreSQL they are skipped, with a word why, but never in CI. */
export function onEachEngine(
  describeOn: (name: "SQLite" | "PostgreSQL", makePlace: () => Promise<StoredPlace>) => void,
): void {
  describeOn("SQLite", sqlitePlace);
  if (mayLeavePostgresOut())
    test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
  else describeOn("PostgreSQL", postgresPlace);
}

/** A store with its tables, seen by two replicas. */
export interface SharedStore {
  readonly place: StoredPlace;
  readonly databases: readonly [Database, Database];
  /** Closes both and removes all data. */
  readonly close: () => Promise<void>;
}

/** Makes a store of a place, and opens it for two replicas. */
export async function openTwice(makePlace: () => Promise<StoredPlace>): Promise<SharedStore> {
  const place = await makePlace();
  const location = storeAt(place.url);
  const databases = [await openAdapter(location), await openAdapter(location)] as const;
  await migrate(databases[0]);
  return {
    place,
    databases,
    async close() {
      for (const database of databases) await database.close();
      await place.remove();
    },
  };
}

import type { KeySetName } from "../kernel/ids.ts";
import type { StoredLocation, StoreLocation } from "../kernel/store-location.ts";
import type { KeyStore } from "../keys/managed/key-store.ts";
import { type MemoryRecords, memoryRecords } from "./memory/records.ts";
import { patientDatabase } from "./patient-database.ts";
import { POSTGRES } from "./postgres/dialect.ts";
import type { Database } from "./sql/database.ts";
import { insistOnSchema, type MigrationReport, migrate } from "./sql/migrate.ts";
import { SQLITE } from "./sqlite/dialect.ts";
import type { PlaceWarning } from "./sqlite/prepare-place.ts";

export interface OpenOptions {
  /** What may be done to the store; `make` when left out. */
  readonly access?: StoreAccess;
  /** Gets warnings about a store that is opened all the same. */
  readonly warn?: (warning: StoreWarning) => void;
}

export type StoreWarning = PlaceWarning;

/** `make`: make its tables where there are none. `change`: change what is there. `look`: change nothing at all, not even a file's time. */
export type StoreAccess = "make" | "change" | "look";

/** The database under every family of tables of a process. */
export type OpenDatabase = MemoryDatabase | (Database & { readonly kind: "sql" });
interface MemoryDatabase {
  readonly kind: "memory";
  readonly keyStores: Map<KeySetName, KeyStore>;
  readonly records: MemoryRecords;
  close(): Promise<void>;
}

/**
 * Opens the database at a location, once for a process, and, where it may be made, brings its schema to this program's version. One
 * that cannot be reached is opened again at each use until it can. Rejects with `StoreUnusable` when the location cannot be used or the
 * schema is not for this program, and with `StoreCorrupt` when it is no database.
 */
export async function openDatabase(
  location: StoreLocation,
  { access = "make", warn }: OpenOptions = {},
): Promise<OpenDatabase> {
  if (location.kind === "memory")
    return {
      kind: "memory",
      keyStores: new Map(),
      records: memoryRecords(),
      close: () => Promise.resolve(),
    };
  const database = await patientDatabase(DIALECTS[location.kind], async () => {
    const opened = await openAdapter(location, warn, access);
    try {
      await (access === "make" ? migrate(opened) : insistOnSchema(opened));
      return opened;
    } catch (thrown) {
      await opened.close();
      throw thrown;
    }
  });
  return { kind: "sql", ...database };
}

const DIALECTS = { sqlite: SQLITE, postgres: POSTGRES };

/** Brings the store's schema to this program's version, and closes the store. Rejects as `openDatabase` does, and with `StoreUnavailable`. */
export async function migrateStore(location: StoreLocation): Promise<MigrationReport> {
  if (location.kind === "memory") return { from: 0, to: 0 };
  const database = await openAdapter(location);
  try {
    return await migrate(database);
  } finally {
    await database.close();
  }
}

/** Opens a stored location, as it is. Loads only the driver of that database: the service with given keys loads none. */
export async function openAdapter(
  location: StoredLocation,
  warn?: (warning: StoreWarning) => void,
  access?: StoreAccess,
): Promise<Database> {
  switch (location.kind) {
    case "sqlite": {
      const { openSqlite } = await import("./sqlite/database.ts");
      return openSqlite(location.path, warn, access === "look" ? "look" : "change");
    }
    case "postgres": {
      const { openPostgres } = await import("./postgres/database.ts");
      return openPostgres(location);
    }
  }
}

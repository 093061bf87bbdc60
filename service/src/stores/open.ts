import type { Clock } from "../kernel/clock.ts";
import type { StoreLocation } from "../kernel/store-location.ts";
import type { Sealer } from "../keys/custody/sealer.ts";
import type { KeyStore } from "../keys/managed/key-store.ts";
import { memoryKeyStore } from "./memory/key-store.ts";
import type { Database } from "./sql/database.ts";
import { type FetchesDropped, sqlKeyStore } from "./sql/key-store.ts";
import { insistOnSchema, type MigrationReport, migrate } from "./sql/migrate.ts";

export interface StoreDeps {
  readonly sealer: Sealer;
  /** The clock of a store in memory; the others have their own. */
  readonly clock: Clock;
  /** Gets what the operator should know of the place, a line each. */
  readonly warn?: (message: string) => void;
  /** Hears of fetches of the JWKS that the store could not write down. */
  readonly fetchesDropped?: FetchesDropped;
  /** What may be done to the store; `make` when left out. */
  readonly access?: StoreAccess;
}

/** `make`: make its tables where there are none. `change`: change what is there. `look`: change nothing at all, not even a file's time. */
export type StoreAccess = "make" | "change" | "look";

/**
 * Opens the store at a location, and, where it may be made, brings its schema to this program's version. Rejects with `ConfigError`
 * when the location cannot be used or the schema is not for this program, and with `StoreUnavailable` when the store cannot be
 * reached.
 */
export async function openKeyStore(
  location: StoreLocation,
  { sealer, clock, warn, fetchesDropped, access = "make" }: StoreDeps,
): Promise<KeyStore> {
  if (location.kind === "memory") return memoryKeyStore(clock);
  const database = await openDatabase(location, warn, access);
  try {
    await (access === "make" ? migrate(database) : insistOnSchema(database));
    return sqlKeyStore(database, sealer, fetchesDropped);
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
}

/** Brings the store's schema to this program's version, and closes the store. Rejects as `openKeyStore` does. */
export async function migrateStore(location: StoreLocation): Promise<MigrationReport> {
  if (location.kind === "memory") return { from: 0, to: 0 };
  const database = await openDatabase(location);
  try {
    return await migrate(database);
  } finally {
    await database.close();
  }
}

/** Opens a stored location, as it is. Loads only the driver of that database: the service with given keys loads none. */
export async function openDatabase(
  location: Exclude<StoreLocation, { readonly kind: "memory" }>,
  warn?: (message: string) => void,
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

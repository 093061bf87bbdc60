import type { Clock } from "../kernel/clock.ts";
import { ConfigError } from "../kernel/faults.ts";
import type { KeyStore } from "../keys/key-store.ts";
import type { Sealer } from "../keys/sealer.ts";
import { memoryKeyStore } from "./memory/key-store.ts";
import type { Database } from "./sql/database.ts";
import { sqlKeyStore } from "./sql/key-store.ts";
import { type MigrationReport, migrate } from "./sql/migrate.ts";

export interface StoreDeps {
  readonly sealer: Sealer;
  /** The clock of a store in memory; the others have their own. */
  readonly clock: Clock;
}

/**
 * Opens the store that `MACP_AUTH_STORE_URL` names, and brings its schema to this program's version. Rejects with `ConfigError`
 * when the URL or the schema is not for this program, and with `StoreUnavailable` when the store cannot be reached.
 */
export async function openKeyStore(url: string, { sealer, clock }: StoreDeps): Promise<KeyStore> {
  if (url === "memory:") return memoryKeyStore(clock);
  const database = await openDatabase(url);
  try {
    await migrate(database);
    return sqlKeyStore(database, sealer);
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
}

/** Brings the store's schema to this program's version, and closes the store. Rejects as `openKeyStore` does. */
export async function migrateStore(url: string): Promise<MigrationReport> {
  if (url === "memory:") return { from: 0, to: 0 };
  const database = await openDatabase(url);
  try {
    return await migrate(database);
  } finally {
    await database.close();
  }
}

/** Opens what a URL names, as it is. Loads the driver of that database alone: the service with given keys carries none. */
export async function openDatabase(url: string): Promise<Database> {
  if (/^sqlite:./.test(url)) {
    const { openSqlite } = await import("./sqlite/database.ts");
    return openSqlite(url.slice("sqlite:".length));
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const { openPostgres } = await import("./postgres/database.ts");
    return openPostgres(url);
  }
  throw new ConfigError([
    "MACP_AUTH_STORE_URL must be sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE or memory:",
  ]);
}

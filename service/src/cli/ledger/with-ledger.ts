import type { Settings } from "../../config/settings.ts";
import type { AuditStore } from "../../ledger/audit/audit-store.ts";
import { auditStore } from "../../stores/ledger-notes.ts";
import type { StoreAccess } from "../../stores/open.ts";
import { noteDeps, type SqlDatabase } from "../../wiring/ledger/open-notes.ts";
import { explainStoreFaults, managedSettings, openExistingStore } from "../keys/store-backend.ts";
import { couldNot } from "../terminal/command-end.ts";
import type { World } from "../terminal/world.ts";

/** The ledger of a store, opened for a command. */
export interface LedgerParts {
  readonly settings: Settings;
  readonly database: SqlDatabase;
  readonly audit: AuditStore;
  /** What signing takes. */
  readonly notes: ReturnType<typeof noteDeps>;
}

/** Runs on the ledger of the store that the environment names. Throws `CommandEnd` or `ConfigError`. */
export async function withLedger<T>(
  world: World,
  access: StoreAccess,
  run: (parts: LedgerParts) => Promise<T>,
): Promise<T> {
  const managed = managedSettings(world);
  const { database, sealing } = await openExistingStore(managed, world, access);
  try {
    if (database.kind !== "sql") throw couldNot("a store in memory has no ledger");
    const { settings } = managed;
    const notes = noteDeps(settings.tokens.issuer, { database, sealing }, () => world.clock.nowMs());
    const parts = { settings, database, audit: auditStore(database), notes };
    return await explainStoreFaults(() => run(parts), world);
  } finally {
    await database.close();
  }
}

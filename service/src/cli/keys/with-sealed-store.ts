import type { Sealing } from "../../keys/custody/sealing.ts";
import type { SqlDatabase } from "../../wiring/ledger/open-notes.ts";
import { couldNot } from "../terminal/command-end.ts";
import type { World } from "../terminal/world.ts";
import { explainStoreFaults, managedSettings, openExistingStore } from "./store-backend.ts";

/** What a command changes in the database that the environment names. */
export interface SealedStore {
  readonly database: SqlDatabase;
  readonly sealing: Sealing;
}

/** Runs on the store, and closes it. `what`: what a store in memory does not have. Throws `CommandEnd` or `ConfigError`. */
export async function withSealedStore<T>(
  world: World,
  what: string,
  run: (parts: SealedStore) => Promise<T>,
): Promise<T> {
  const { database, sealing } = await openExistingStore(managedSettings(world), world, "change");
  try {
    if (database.kind !== "sql") throw couldNot(`a store in memory has no ${what}`);
    return await explainStoreFaults(() => run({ database, sealing }), world);
  } finally {
    await database.close();
  }
}

import type { Clock } from "../kernel/clock.ts";
import type { KeySetName } from "../kernel/ids.ts";
import type { KeyStore } from "../keys/managed/key-store.ts";
import { memoryKeyStore } from "./memory/key-store.ts";
import type { OpenDatabase } from "./open.ts";
import { type FetchesDropped, sqlKeyStore } from "./sql/key-store.ts";
import type { RowTags } from "./sql/row-tags.ts";

export interface KeyStoreDeps {
  /** The key set of the store: no other set of the same database is read, tagged or changed. */
  readonly keySet: KeySetName;
  /** What tags its rows. */
  readonly tags: RowTags;
  /** The clock of a store in memory; the others have their own. */
  readonly clock: Clock;
  /** Is notified of fetches of the JWKS that could not be stored. */
  readonly fetchesDropped?: FetchesDropped;
}

/** One set of managed keys of an open database, with the replicas and verifiers that belong to it. */
export function keyStore(database: OpenDatabase, { clock, ...deps }: KeyStoreDeps): KeyStore {
  if (database.kind === "sql") return sqlKeyStore(database, deps);
  const store = database.keyStores.get(deps.keySet) ?? memoryKeyStore(clock);
  database.keyStores.set(deps.keySet, store);
  return store;
}

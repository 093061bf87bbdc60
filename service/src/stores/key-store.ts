import type { Clock } from "../kernel/clock.ts";
import type { Sealer } from "../keys/custody/sealer.ts";
import type { KeyStore } from "../keys/managed/key-store.ts";
import { memoryKeyStore } from "./memory/key-store.ts";
import type { OpenDatabase } from "./open.ts";
import { type FetchesDropped, sqlKeyStore } from "./sql/key-store.ts";

export interface KeyStoreDeps {
  readonly sealer: Sealer;
  /** The clock of a store in memory; the others have their own. */
  readonly clock: Clock;
  /** Hears of fetches of the JWKS that could not be written. */
  readonly fetchesDropped?: FetchesDropped;
}

/** The managed keys of an open database, with the replicas and verifiers that belong to them. */
export function keyStore(database: OpenDatabase, { sealer, clock, fetchesDropped }: KeyStoreDeps): KeyStore {
  return database.kind === "memory" ? memoryKeyStore(clock) : sqlKeyStore(database, sealer, fetchesDropped);
}

import type { Purpose, PurposeKeyStore } from "../keys/purposes/purpose-key-store.ts";
import { memoryPurposeKeys } from "./memory/purpose-keys.ts";
import type { OpenDatabase } from "./open.ts";
import { sqlPurposeKeys } from "./sql/purposes/purpose-keys.ts";

/** The keys of a purpose, for all processes that share this database; those in memory end with it. */
export function purposeKeyStore(database: OpenDatabase, purpose: Purpose): PurposeKeyStore {
  return database.kind === "sql" ? sqlPurposeKeys(database, purpose) : memoryPurposeKeys();
}

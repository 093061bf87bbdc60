import type { LedgerStore } from "../ledger/ledger-store.ts";
import { memoryLedger } from "./memory/ledger.ts";
import type { OpenDatabase } from "./open.ts";
import { sqlLedger } from "./sql/ledger.ts";

/** The ledger of all processes that share this database. */
export function ledgerStore(database: OpenDatabase): LedgerStore {
  return database.kind === "sql" ? sqlLedger(database) : memoryLedger(database.records);
}

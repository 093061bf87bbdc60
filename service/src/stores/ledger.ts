import type { LedgerStore } from "../ledger/ledger-store.ts";
import type { LedgerQuestions } from "../ledger/questions/ledger-questions.ts";
import { memoryLedger } from "./memory/ledger.ts";
import { memoryLedgerQuestions } from "./memory/ledger-questions.ts";
import type { OpenDatabase } from "./open.ts";
import { sqlLedgerQuestions } from "./sql/ledger/questions.ts";
import { sqlLedger } from "./sql/ledger.ts";

/** The ledger of all processes that share this database. `unreadable`: see `sqlLedger`. */
export function ledgerStore(database: OpenDatabase, unreadable?: (rows: number) => void): LedgerStore {
  return database.kind === "sql" ? sqlLedger(database, unreadable) : memoryLedger(database.records);
}

/** What is asked of that ledger. */
export function ledgerQuestions(database: OpenDatabase): LedgerQuestions {
  return database.kind === "sql" ? sqlLedgerQuestions(database) : memoryLedgerQuestions(database.records);
}

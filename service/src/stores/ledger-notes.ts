import type { AuditStore } from "../ledger/audit/audit-store.ts";
import type { EntryPlaces } from "../ledger/notes/entry-places.ts";
import type { NoteStore } from "../ledger/notes/note-store.ts";
import type { PruneStore } from "../ledger/prune/prune-store.ts";
import type { Database } from "./sql/database.ts";
import { sqlAudit } from "./sql/ledger/audit.ts";
import { sqlNotes } from "./sql/ledger/notes.ts";
import { sqlPlaces } from "./sql/ledger/places.ts";
import { sqlPrune } from "./sql/ledger/prune.ts";

/** The signed notes of all processes that share this database, and what they are compared with. */
export interface NotedLedger {
  readonly notes: NoteStore;
  readonly places: EntryPlaces;
}

/** Opens them. A database in memory has none: its ledger ends with the process, as would its notes. */
export function notedLedger(database: Database): NotedLedger {
  return { notes: sqlNotes(database), places: sqlPlaces(database) };
}

/** The ledger of this database, as an audit reads it. */
export function auditStore(database: Database): AuditStore {
  return sqlAudit(database);
}

/** Removes entries of this database for their age. */
export function pruneStore(database: Database): PruneStore {
  return sqlPrune(database);
}

import type { EntryPlaces } from "../notes/entry-places.ts";
import type { StoredNote } from "../notes/note-store.ts";
import type { AuditedEntry } from "./judge-entry.ts";

/** The end of a chain as the store gives it back. */
export interface StoredHead {
  readonly chain: string;
  readonly seq: number;
  readonly hash: string;
  readonly at: number;
}

/** Port. The ledger as an audit reads it: every column as a text or a number, whatever it holds. */
export interface AuditStore extends EntryPlaces {
  /** What `ledger_chains` holds, by chain. */
  storedHeads(): Promise<readonly StoredHead[]>;
  storedHead(chain: string): Promise<StoredHead | undefined>;
  /** The names of the chains that have rows, in their order. */
  chainsWithRows(): Promise<readonly string[]>;
  /** The rows of a chain after `afterSeq`, in their order: at most `limit`, and those with the number of the last of them. */
  rowsOf(chain: string, afterSeq: number, limit: number): Promise<readonly AuditedEntry[]>;
  /** The notes after this number, in their order, at most `limit`. */
  notesAfter(number: number, limit: number): Promise<readonly StoredNote[]>;
}

import { z } from "zod";
import type { StoredEntry } from "../../../ledger/ledger-store.ts";
import { parseRows, Whole } from "../database.ts";

const OrNull = z.string().nullable();
/** The columns of an entry, whatever is in them. */
export const EntryRow = z.object({
  chain: z.string(),
  seq: Whole,
  at: Whole,
  kind: z.string(),
  prev: z.string(),
  hash: z.string(),
  body: z.string(),
  jti: OrNull,
  digest: OrNull,
  sender: OrNull,
  caller: OrNull,
  run: OrNull,
  parent: OrNull,
  root: OrNull,
  exp: Whole.nullable(),
});

/** What a SELECT of entries gives. */
export const READ_COLUMNS =
  'chain, seq, at_ms AS "at", kind, prev, hash, body, jti, digest, sender, caller, run, parent, root, exp';

/** Reads rows of entries, as they are. Throws `StoreCorrupt` when one has no form that an entry can have. */
export function storedEntries(rows: readonly unknown[]): readonly StoredEntry[] {
  return parseRows(EntryRow, "ledger_entries", rows).map((row) => {
    const { chain, seq, at, kind, prev, hash, body, ...index } = row;
    return { chain, seq, at, kind, prev, hash, body, index };
  });
}

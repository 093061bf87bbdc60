import { indexKey } from "../entry-index.ts";
import type { StoredEntry } from "../ledger-store.ts";
import type { EntryFilter, Holder } from "./ledger-questions.ts";
import { recordOf, textOf } from "./record.ts";

/** Whether an entry is one of those that are asked for: by its columns, and by its record where there is no column. */
export function isMatch(entry: StoredEntry, filter: EntryFilter): boolean {
  const { kind, sender, caller, run, jti, digest, from = 0, to = Number.POSITIVE_INFINITY } = filter;
  const { index, at } = entry;
  const columns = [
    [kind, entry.kind],
    [sender && indexKey(sender), index.sender],
    [caller && indexKey(caller), index.caller],
    [run && indexKey(run), index.run],
    [jti, index.jti],
    [digest, index.digest],
  ] as const;
  return (
    columns.every(([asked, found]) => asked === undefined || asked === found) &&
    at >= from &&
    at < to &&
    isMatchOfRecord(entry, filter)
  );
}

/** The part of `isMatch` that a store has no columns for. */
export function isMatchOfRecord(entry: StoredEntry, { kid, reason }: EntryFilter): boolean {
  if (kid === undefined && reason === undefined) return true;
  const record = recordOf(entry);
  return (
    (kid === undefined || textOf(record, "kid") === kid) &&
    (reason === undefined || textOf(record, "reason") === reason)
  );
}

/** The filter for all entries of a holder. */
export function filterOf(holder: Holder): EntryFilter {
  switch (holder.kind) {
    case "sender":
      return { sender: holder.sender };
    case "caller":
      return { caller: holder.caller };
    case "run":
      return { run: holder.run };
  }
}

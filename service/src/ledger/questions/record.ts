import { z } from "zod";
import type { StoredEntry } from "../ledger-store.ts";

/** The record of an entry, as its members; nothing of it is known to be as it was written. */
export type EntryRecord = Readonly<Record<string, unknown>>;

const Members = z.record(z.string(), z.unknown());

/** The members of an entry's record. One that is not a JSON object any more has none. */
export function recordOf({ body }: Pick<StoredEntry, "body">): EntryRecord {
  try {
    return Members.safeParse(JSON.parse(body)).data ?? {};
  } catch {
    return {};
  }
}

/** A member of a record that is a text; `undefined` when it is not there or something else. */
export function textOf(record: EntryRecord, member: string): string | undefined {
  const value = record[member];
  return typeof value === "string" ? value : undefined;
}

import type { ChainName, LinkedEntry } from "../../../ledger/chain.ts";
import type { Parameter, Query } from "../database.ts";
import { insertRows } from "../insert-rows.ts";
import { hourOf } from "./hours.ts";

/** The columns of a count, in the order of `countsOf`, with their types. */
export const COUNT_COLUMNS = [
  ["hour", "bigint"],
  ["chain", "text"],
  ["kind", "text"],
  ["caller", "text"],
  ["entries", "bigint"],
  ["until_hour", "bigint"],
] as const;

/** What becomes of a count that is there already. */
export const COUNT_CONFLICT = `ON CONFLICT (hour, chain, kind, caller) DO UPDATE SET entries = ledger_counts.entries + excluded.entries,
       until_hour = CASE WHEN excluded.until_hour > ledger_counts.until_hour THEN excluded.until_hour ELSE ledger_counts.until_hour END`;

/** Adds the entries of a batch to the counts of their hours. */
export async function countEntries(query: Query, entries: readonly LinkedEntry[]): Promise<void> {
  const columns = COUNT_COLUMNS.map(([name]) => name).join(", ");
  await insertRows(query, `ledger_counts (${columns})`, countsOf(entries), COUNT_CONFLICT);
}

/** What the entries of a batch add to the counts. */
export function countsOf(entries: readonly LinkedEntry[]): readonly (readonly Parameter[])[] {
  return groupsOf(entries).map(({ hour, chain, kind, caller, entries: count, untilHour }) => [
    hour,
    chain,
    kind,
    caller,
    count,
    untilHour,
  ]);
}

/** How many entries of a batch have the same hour, kind and caller, and the hour in which the last of their tokens ends. */
interface Group {
  readonly hour: number;
  readonly chain: ChainName;
  readonly kind: string;
  /** Empty: none. */
  readonly caller: string;
  entries: number;
  /** 0: there is no token. */
  untilHour: number;
}

function groupsOf(entries: readonly LinkedEntry[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const { chain, at, kind, index } of entries) {
    const [hour, caller] = [hourOf(at), index.caller ?? ""];
    const key = `${String(hour)} ${kind} ${caller}`;
    const group = groups.get(key) ?? { hour, chain, kind, caller, entries: 0, untilHour: 0 };
    group.entries += 1;
    group.untilHour = Math.max(group.untilHour, kind === "mint" ? hourOf((index.exp ?? 0) * 1_000) : 0);
    groups.set(key, group);
  }
  return [...groups.values()];
}

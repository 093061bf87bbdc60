import { epochSeconds } from "../../kernel/clock.ts";
import type { LinkedEntry } from "../../ledger/chain.ts";
import type { StoredEntry } from "../../ledger/ledger-store.ts";
import { cursorAt, type Position, positionOf } from "../../ledger/questions/cursor.ts";
import { filterOf, isMatch } from "../../ledger/questions/filtered.ts";
import {
  COUNTS_MAX,
  type Count,
  type CountsAsked,
  type LedgerQuestions,
  type Page,
  type PageAsked,
} from "../../ledger/questions/ledger-questions.ts";
import type { MemoryRecords } from "./records.ts";

const HOUR_MS = 3_600_000;

/** What is asked of a ledger in memory: every entry is looked at. */
export function memoryLedgerQuestions({ chains }: Pick<MemoryRecords, "chains">): LedgerQuestions {
  const all = (): readonly LinkedEntry[] => [...chains.values()].flat();
  const find = (page: PageAsked, isAsked: (entry: StoredEntry) => boolean): Promise<Page<StoredEntry>> =>
    Promise.resolve(pageOf(all().filter(isAsked), page));
  return {
    entries: (filter, page) => find(page, (entry) => isMatch(entry, filter)),
    unexpired: (holder, now, page) =>
      find(
        page,
        (entry) => (entry.index.exp ?? 0) > now && isMatch(entry, { ...filterOf(holder), kind: "mint" }),
      ),
    under: (root, _from, limit) =>
      Promise.resolve(
        all()
          .filter(({ index }) => index.root === root && index.parent !== null)
          .toSorted(newestFirst)
          .toReversed()
          .slice(0, limit),
      ),
    counts: (asked) => Promise.resolve(countsOf(all(), asked)),
  };
}

function pageOf(entries: readonly StoredEntry[], { limit, after }: PageAsked): Page<StoredEntry> {
  const position = after && positionOf(after);
  const rest = entries
    .filter((entry) => position === undefined || newestFirst(position, entry) < 0)
    .toSorted(newestFirst);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rest.length > limit && last !== undefined ? cursorAt(last) : undefined };
}

/** Negative where `one` comes first. */
function newestFirst(one: Position, other: Position): number {
  if (one.at !== other.at) return other.at - one.at;
  if (one.chain !== other.chain) return one.chain < other.chain ? 1 : -1;
  return other.seq - one.seq;
}

function countsOf(entries: readonly StoredEntry[], asked: CountsAsked): readonly Count[] {
  const { by, byCaller, kind, caller, from, to } = asked;
  const [first, last] = [startOf(from, HOUR_MS), startOf(to - 1, HOUR_MS) + HOUR_MS];
  const counts = new Map<string, Count>();
  for (const entry of entries) {
    if (entry.at < first || entry.at >= last || !isMatch(entry, { kind, caller })) continue;
    const at = epochSeconds(startOf(entry.at, by === "hour" ? HOUR_MS : 24 * HOUR_MS) / 1_000);
    const who = byCaller ? (entry.index.caller ?? "") : undefined;
    const key = JSON.stringify([at, entry.kind, who]);
    const known = counts.get(key)?.entries ?? 0;
    counts.set(key, { from: at, kind: entry.kind, caller: who, entries: known + 1 });
  }
  const { after } = asked;
  return [...counts.values()]
    .filter((count) => after === undefined || inOrder(after, count) < 0)
    .toSorted(inOrder)
    .slice(0, COUNTS_MAX);
}

function startOf(atMs: number, spanMs: number): number {
  return Math.floor(atMs / spanMs) * spanMs;
}

function inOrder(one: Count, other: Count): number {
  if (one.from !== other.from) return other.from - one.from;
  if (one.kind !== other.kind)
    return one.kind !== "" && (one.kind < other.kind || other.kind === "") ? -1 : 1;
  return (one.caller ?? "") < (other.caller ?? "") ? -1 : Number(one.caller !== other.caller);
}

import { z } from "zod";
import { fromAscii } from "../../../kernel/ascii.ts";
import { epochSeconds } from "../../../kernel/clock.ts";
import { indexKey } from "../../../ledger/entry-index.ts";
import type { StoredEntry } from "../../../ledger/ledger-store.ts";
import { cursorAt } from "../../../ledger/questions/cursor.ts";
import { filterOf, isMatch, isMatchOfRecord } from "../../../ledger/questions/filtered.ts";
import {
  COUNTS_MAX,
  type Count,
  type CountsAsked,
  type EntryFilter,
  type LedgerQuestions,
  type Page,
  type PageAsked,
} from "../../../ledger/questions/ledger-questions.ts";
import { type Database, parseRows, type Query, Whole } from "../database.ts";
import { storedEntries } from "./entry-row.ts";
import { hourOf, startOfHour } from "./hours.ts";
import {
  digestStatement,
  floorStatement,
  idStatement,
  isSieve,
  pageStatement,
  type Search,
  searchFor,
} from "./search.ts";
import { Statement } from "./statement.ts";
import { fileTail } from "./tail.ts";

/** So many entries are looked at for one page, where an index has others than those that are asked for. */
const EXAMINED_MAX = 1_000;
/** So many hours are looked into by one statement: those of a partition of PostgreSQL. */
const HOURS_AT_A_TIME = 168;
/** So many entries are read that have the same name, which none but changed ones have. */
const NAMESAKES_MAX = 100;

const EndsRow = z.object({ first: Whole.nullable(), last: Whole.nullable() });
const AtRow = z.object({ at: Whole });
const CountRow = z.object({ hour: Whole, kind: z.string(), caller: z.string().nullable(), entries: Whole });

/** What is asked of a ledger in a database. `examinedMax`: the work of a page. */
export function sqlLedgerQuestions(database: Database, examinedMax = EXAMINED_MAX): LedgerQuestions {
  /** What was committed before the question is found. */
  const ask = async <T>(work: (query: Query) => Promise<T>): Promise<T> => {
    await fileTail(database);
    return database.read(work);
  };
  return {
    entries: (filter, page) =>
      ask((query) =>
        filter.jti === undefined && filter.digest === undefined
          ? foundBy(query, searchFor(filter, page), filter, { ...page, examinedMax })
          : named(query, filter, page),
      ),

    unexpired: (holder, now, page) =>
      ask(async (query) => {
        const firstHour = await firstLiveHour(query, hourOf(now * 1_000));
        if (firstHour === undefined) return { items: [], next: undefined };
        const filter: EntryFilter = { ...filterOf(holder), kind: "mint" };
        const search = searchFor(filter, page);
        const live: Search = { ...search, liveAt: now, fromMs: startOfHour(firstHour) };
        return foundBy(query, live, filter, { ...page, examinedMax });
      }),

    under: (root, from, limit) =>
      ask(async (query) => {
        const rows = await run(query, idStatement("root", root, Math.max(0, hourOf(from) - 1), limit));
        return storedEntries(rows);
      }),

    counts: (asked) => ask(async (query) => counted(await run(query, countsStatement(asked)), asked)),
  };
}

const LAST_HOUR = hourOf(8_640_000_000_000_000);

function run(query: Query, { text, parameters }: Statement): Promise<readonly unknown[]> {
  return query(text, parameters);
}

/** A page along an index. Where the index has others as well, it ends after so many of them. */
async function foundBy(
  query: Query,
  search: Search,
  filter: EntryFilter,
  { limit, examinedMax }: PageAsked & { readonly examinedMax: number },
): Promise<Page<StoredEntry>> {
  if (search.toMs < search.fromMs) return { items: [], next: undefined };
  const floorMs = isSieve(search) ? await floorOf(query, search, examinedMax) : undefined;
  const found = storedEntries(await run(query, pageStatement(search, floorMs, limit + 1)));
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const more = found.length > limit && last !== undefined ? last : undefined;
  const rest = floorMs === undefined ? undefined : cursorAt({ at: floorMs, chain: "", seq: 0 });
  return {
    items: items.filter((entry) => isMatchOfRecord(entry, filter)),
    next: more === undefined ? rest : cursorAt(more),
  };
}

async function floorOf(query: Query, search: Search, examinedMax: number): Promise<number | undefined> {
  return parseRows(AtRow, "ledger_entries", await run(query, floorStatement(search, examinedMax)))[0]?.at;
}

/** The entries of a token: there are few, and they come on one page. */
async function named(query: Query, filter: EntryFilter, { after }: PageAsked): Promise<Page<StoredEntry>> {
  const { jti, digest, from = 0, to } = filter;
  if (after !== undefined) return { items: [], next: undefined };
  const hours =
    digest === undefined
      ? []
      : await hoursWithEntries(query, hourOf(from), to === undefined ? LAST_HOUR : hourOf(to));
  const statements =
    digest === undefined
      ? [idStatement("jti", jti ?? "", hourOf(from), NAMESAKES_MAX)]
      : weeksOf(hours).map((week) => digestStatement(digest, week, NAMESAKES_MAX));
  const found = await Promise.all(statements.map(async (one) => storedEntries(await run(query, one))));
  const items = found.flatMap((entries) => entries.toReversed()).filter((entry) => isMatch(entry, filter));
  return { items, next: undefined };
}

/** The hours of this time that may have entries, the newest first. */
async function hoursWithEntries(query: Query, from: number, to: number): Promise<readonly number[]> {
  const rows = await query(
    "SELECT (SELECT min(hour) FROM ledger_counts) AS first, (SELECT max(hour) FROM ledger_counts) AS last",
  );
  const [{ first, last } = { first: null, last: null }] = parseRows(EndsRow, "ledger_counts", rows);
  if (first === null || last === null) return [];
  const [begin, end] = [Math.max(first, from), Math.min(last, to)];
  return Array.from({ length: Math.max(0, end - begin + 1) }, (_, index) => end - index);
}

/** Hours by the partitions that they are in. */
function weeksOf(hours: readonly number[]): readonly (readonly number[])[] {
  const weeks = new Map<number, number[]>();
  for (const hour of hours) {
    const week = Math.floor(hour / HOURS_AT_A_TIME);
    weeks.set(week, [...(weeks.get(week) ?? []), hour]);
  }
  return [...weeks.values()];
}

/** The first hour with a token that has not ended in this hour; `undefined`: there is none. */
async function firstLiveHour(query: Query, nowHour: number): Promise<number | undefined> {
  // An expression, so that the few hours are found by their end, and not by a look at all from the first.
  const rows = await query("SELECT min(hour + 0) AS hour FROM ledger_counts WHERE until_hour >= $1", [
    nowHour,
  ]);
  return parseRows(z.object({ hour: Whole.nullable() }), "ledger_counts", rows)[0]?.hour ?? undefined;
}

function countsStatement({ by, byCaller, kind, caller, from, to, after }: CountsAsked): Statement {
  const hour = by === "hour" ? "hour" : "hour - hour % 24";
  const who = byCaller ? "caller" : "NULL";
  const statement = new Statement(
    `SELECT ${hour} AS "hour", kind, ${who} AS "caller", sum(entries) AS "entries" FROM ledger_counts WHERE`,
  );
  statement.add("hour >= ? AND hour <= ?", hourOf(from), hourOf(to - 1));
  if (kind !== undefined) statement.add("AND kind = ?", kind);
  if (caller !== undefined) statement.add("AND caller = ?", indexKey(caller));
  if (after !== undefined) addAfter(statement, { hour, byCaller, after });
  statement.add(`GROUP BY ${hour}, kind${byCaller ? ", caller" : ""}`);
  return statement.add(`ORDER BY 1 DESC, kind${byCaller ? ", caller" : ""} LIMIT ?`, COUNTS_MAX);
}

function addAfter(
  statement: Statement,
  { hour, byCaller, after }: { readonly hour: string; readonly byCaller: boolean; readonly after: Count },
): void {
  const at = hourOf(after.from * 1_000);
  if (after.kind === "") {
    statement.add(`AND ${hour} < ?`, at);
    return;
  }
  statement.add(`AND (${hour} < ? OR (${hour} = ? AND (kind > ?`, at, at, after.kind);
  if (byCaller) statement.add("OR (kind = ? AND caller > ?)", after.kind, indexKey(after.caller ?? ""));
  statement.add(")))");
}

function counted(rows: readonly unknown[], { byCaller }: CountsAsked): readonly Count[] {
  return parseRows(CountRow, "ledger_counts", rows).map(({ hour, kind, caller, entries }) => ({
    from: epochSeconds(startOfHour(hour) / 1_000),
    kind,
    caller: byCaller ? fromAscii(caller ?? "") : undefined,
    entries,
  }));
}

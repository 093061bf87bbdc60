import { asciiJson } from "../../../kernel/ascii.ts";
import { Impossible } from "../../../kernel/assert.ts";
import type { EpochSeconds } from "../../../kernel/clock.ts";
import { indexKey } from "../../../ledger/entry-index.ts";
import { type Position, positionOf } from "../../../ledger/questions/cursor.ts";
import type { EntryFilter, PageAsked } from "../../../ledger/questions/ledger-questions.ts";
import { READ_COLUMNS } from "./entry-row.ts";
import { hourOf } from "./hours.ts";
import { Statement } from "./statement.ts";

/** A search over the entries of a time, the newest first, along one index. `rareKind`: the index has also the kind, and no mints. */
export interface Search {
  /** The column that the index begins with; `undefined`: that of all entries by time. */
  readonly along: { readonly column: string; readonly key: string; readonly rareKind?: string } | undefined;
  /** Columns that an entry must have as well. */
  readonly columns: readonly { readonly column: string; readonly key: string }[];
  /** Pieces that its record must contain. */
  readonly pieces: readonly string[];
  readonly liveAt: EpochSeconds | undefined;
  /** Both included. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly after: Position | undefined;
}

/** Further than any entry. */
const LAST_MS = 8_640_000_000_000_000;

/**
 * The search for a filter. The index is the one that is likely to have the fewest entries of what is asked for: those of one run, of one
 * sender, of one of the rare kinds, of one caller, of rejections, of all.
 */
export function searchFor(filter: EntryFilter, { after }: Pick<PageAsked, "after">): Search {
  const { kind, kid, reason, from = 0, to = LAST_MS } = filter;
  const columns = columnsOf(filter);
  const along = alongOf(columns, kind);
  const isOfIndex = ({ column }: { readonly column: string }) =>
    column === along?.column || (column === "kind" && along?.rareKind !== undefined);
  const position = after && positionOf(after);
  return {
    along,
    columns: columns.filter((one) => !isOfIndex(one)),
    pieces: [...pieceOf("kid", kid), ...pieceOf("reason", reason)],
    liveAt: undefined,
    fromMs: from,
    toMs: Math.min(to - 1, position === undefined ? LAST_MS : endOf(position)),
    after: position,
  };
}

function alongOf(columns: Search["columns"], kind: EntryFilter["kind"]): Search["along"] {
  const isRare = kind !== undefined && kind !== "mint" && kind !== "rejection";
  const order = isRare
    ? ["run", "sender", "kind", "caller"]
    : ["run", "sender", "caller", ...(kind === "rejection" ? ["kind"] : [])];
  const name = order.find((candidate) => columns.some(({ column }) => column === candidate));
  const found = columns.find(({ column }) => column === name);
  return found && WITH_RARE_KINDS.has(found.column) && kind !== undefined && kind !== "mint"
    ? { ...found, rareKind: kind }
    : found;
}

/** Columns with an index of the entries that are no mints, by kind. */
const WITH_RARE_KINDS = new Set(["sender", "caller"]);

/** What an entry of this filter has in the columns that repeat its record. */
function columnsOf({ kind, sender, caller, run, jti, digest }: EntryFilter): Search["columns"] {
  const keys = {
    run: run === undefined ? undefined : indexKey(run),
    sender: sender === undefined ? undefined : indexKey(sender),
    kind,
    caller: caller === undefined ? undefined : indexKey(caller),
    jti,
    digest,
  };
  return Object.entries(keys).flatMap(([column, key]) => (key === undefined ? [] : [{ column, key }]));
}

/** The last millisecond that is still of interest: a position without a chain is the end of its millisecond. */
function endOf({ at, chain }: Position): number {
  return chain === "" ? at - 1 : at;
}

function pieceOf(member: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [asciiJson(`${JSON.stringify(member)}:${JSON.stringify(value)}`)];
}

/** Whether entries along the index may not be what is asked for. */
export function isSieve({ columns, pieces, liveAt }: Search): boolean {
  return columns.length > 0 || pieces.length > 0 || liveAt !== undefined;
}

/** The moment of the entry that is `examinedMax` further along the index: a SELECT of one row or none. */
export function floorStatement(search: Search, examinedMax: number): Statement {
  const statement = new Statement('SELECT at_ms AS "at" FROM ledger_entries WHERE');
  addTime(statement, search);
  return statement.add("ORDER BY at_ms DESC LIMIT 1 OFFSET ?", examinedMax);
}

/** The entries that match, not older than `floorMs`. */
export function pageStatement(search: Search, floorMs: number | undefined, limit: number): Statement {
  const { columns, pieces, liveAt, after, fromMs } = search;
  const statement = new Statement(`SELECT ${READ_COLUMNS} FROM ledger_entries WHERE`);
  addTime(statement, { ...search, fromMs: Math.max(fromMs, floorMs ?? 0) });
  // An expression, so that SQLite, which knows nothing of the values, does not choose the index of this column.
  for (const { column, key } of columns) statement.add(`AND (${column} || '') = ?`, key);
  for (const piece of pieces) statement.add("AND body LIKE ? ESCAPE '!'", containing(piece));
  if (liveAt !== undefined) statement.add("AND exp > ?", liveAt);
  if (after !== undefined && after.chain !== "")
    statement.add(
      "AND (at_ms < ? OR chain < ? OR (chain = ? AND seq < ?))",
      after.at,
      after.chain,
      after.chain,
      after.seq,
    );
  return statement.add("ORDER BY at_ms DESC, chain DESC, seq DESC LIMIT ?", limit);
}

/** The hour also tells PostgreSQL which partitions there is nothing to look for in. */
function addTime(statement: Statement, { along, fromMs, toMs }: Search): void {
  if (along !== undefined) statement.add(`${along.column} = ? AND`, along.key);
  if (along?.rareKind !== undefined) statement.add("kind = ? AND", along.rareKind);
  // These indexes have only the rare ones.
  if (along?.column === "kind" || along?.rareKind !== undefined) statement.add("kind <> 'mint' AND");
  statement.add("at_ms >= ? AND at_ms <= ?", fromMs, toMs);
  statement.add("AND hour >= ? AND hour <= ?", hourOf(fromMs), hourOf(toMs));
}

/** The entries of a token, or of all that stand under it: their ids begin with their time, so that new ones are together in an index. */
export function idStatement(column: "jti" | "root", id: string, fromHour: number, limit: number): Statement {
  const statement = new Statement(`SELECT ${READ_COLUMNS} FROM ledger_entries WHERE`);
  statement.add(`${column} = ? AND hour >= ?`, id, fromHour);
  // The index of roots has only those that have a parent.
  if (column === "root") statement.add("AND parent IS NOT NULL");
  return statement.add("ORDER BY at_ms, chain, seq LIMIT ?", limit);
}

/** The entries of these hours with a digest, which is random: the index begins with the hour, so that new ones are together. */
export function digestStatement(digest: string, hours: readonly number[], limit: number): Statement {
  if (hours.length === 0) throw new Impossible("a search by digest needs hours");
  const statement = new Statement(`SELECT ${READ_COLUMNS} FROM ledger_entries WHERE`);
  statement.add("substr(digest, 1, 8) = ? AND digest = ?", digest.slice(0, 8), digest);
  statement.add(`AND hour IN (${hours.map(() => "?").join(", ")})`, ...hours);
  return statement.add("ORDER BY at_ms, chain, seq LIMIT ?", limit);
}

function containing(piece: string): string {
  return `%${piece.replaceAll(/[!%_]/g, "!$&")}%`;
}

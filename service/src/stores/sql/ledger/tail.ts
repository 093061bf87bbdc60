import { z } from "zod";
import type { LinkedEntry } from "../../../ledger/chain.ts";
import { type Database, type Dialect, parseRows, type Query, Whole } from "../database.ts";
import { COUNT_COLUMNS, COUNT_CONFLICT } from "./counts.ts";
import { hourOf } from "./hours.ts";

/**
 * The tail of the ledger: batches that were committed and not filed yet, one row each, so a mint waits for one row and for no index.
 * Filing moves them into `ledger_entries`, many at a time, as they are. Those who read entries file first, or read the tail too.
 */
const TAIL = "ledger_tail";

/** The columns of an entry beside its chain and hour, with their types. */
const COLUMNS = [
  ["seq", "bigint"],
  ["at_ms", "bigint"],
  ["kind", "text"],
  ["prev", "text"],
  ["hash", "text"],
  ["body", "text"],
  ["jti", "text"],
  ["digest", "text"],
  ["sender", "text"],
  ["caller", "text"],
  ["run", "text"],
  ["parent", "text"],
  ["root", "text"],
  ["exp", "bigint"],
] as const;
const NAMES = COLUMNS.map(([name]) => name);

/** Entries of one transaction: it holds up those of mints for some milliseconds. */
const FILED_AT_ONCE = 128;
/** Batches that are looked at for it. */
const BATCHES_MAX = 256;

/** The entries of a batch as the tail keeps them: a JSON list of objects, without the members that are null. */
export function tailText(entries: readonly LinkedEntry[]): string {
  return JSON.stringify(entries.map(rowOf));
}

function rowOf({ seq, at, kind, prev, hash, body, index }: LinkedEntry): object {
  const row: Record<string, unknown> = { seq, at_ms: at, kind, prev, hash, body };
  for (const [name, value] of Object.entries(index)) if (value !== null) row[name] = value;
  return row;
}

const Text = z.string().nullable().default(null);
const TailEntry = z.object({
  seq: z.number(),
  at_ms: z.number(),
  kind: z.string(),
  prev: z.string(),
  hash: z.string(),
  body: z.string(),
  jti: Text,
  digest: Text,
  sender: Text,
  caller: Text,
  run: Text,
  parent: Text,
  root: Text,
  exp: z.number().nullable().default(null),
});
const TailRow = z.object({ entries: z.string().transform((text, context) => listOf(text, context)) });

function listOf(text: string, context: z.RefinementCtx): readonly z.infer<typeof TailEntry>[] {
  try {
    return TailEntry.array().parse(JSON.parse(text));
  } catch {
    context.addIssue("another_form");
    return z.NEVER;
  }
}

/** The entries of a chain in the tail after `afterSeq`, in their order, with all columns that they will have. At most `limit`. */
export async function tailOf(
  query: Query,
  chain: string,
  afterSeq: number,
  limit: number,
): Promise<readonly TailedEntry[]> {
  const rows = await query(
    `SELECT entries FROM ${TAIL} WHERE chain = $1 AND last_seq > $2 ORDER BY first_seq LIMIT ${String(BATCHES_MAX)}`,
    [chain, afterSeq],
  );
  return parseRows(TailRow, TAIL, rows)
    .flatMap(({ entries }) => entries)
    .filter(({ seq }) => seq > afterSeq)
    .slice(0, limit)
    .map(({ seq, at_ms: at, kind, prev, hash, body, ...index }) => ({
      ...{ chain, seq, at, hour: hourOf(at), kind, prev, hash, body },
      index,
    }));
}

interface TailedEntry {
  readonly chain: string;
  readonly seq: number;
  readonly at: number;
  readonly hour: number;
  readonly kind: string;
  readonly prev: string;
  readonly hash: string;
  readonly body: string;
  readonly index: Omit<z.infer<typeof TailEntry>, "seq" | "at_ms" | "kind" | "prev" | "hash" | "body">;
}

/**
 * Files all that was committed before this was called, and does not go after what comes meanwhile: few entries at a time cost nearly as
 * much as many. Another process may file at the same time.
 */
export async function fileTail(database: Database): Promise<void> {
  const [waiting] = await database.read((query) => query(`SELECT 1 AS waiting FROM ${TAIL} LIMIT 1`));
  let isMore = waiting !== undefined;
  while (isMore)
    isMore = await database.write((query) => fileSome(query, database.dialect), { mayStayInLog: true });
}

/** Files all that is there, in a transaction that holds the ledger alone. */
export async function fileWhole(query: Query, dialect: Dialect): Promise<void> {
  while (await fileSome(query, dialect));
}

const SpanRow = z.object({ chain: z.string(), first: Whole, last: Whole });

/** A beginning of the tail of one chain. */
interface Span {
  readonly chain: string;
  readonly first: number;
  /** The first entry of its last batch, and the last one. */
  readonly lastBatch: number;
  readonly last: number;
}

/** Files the beginnings of the tails of some chains. Resolves to whether there was more. */
async function fileSome(query: Query, { name }: Dialect): Promise<boolean> {
  const lock = name === "postgres" ? "FOR UPDATE" : "";
  const rows = parseRows(
    SpanRow,
    TAIL,
    await query(
      `SELECT chain, first_seq AS first, last_seq AS last FROM ${TAIL} ORDER BY chain, first_seq LIMIT ${String(BATCHES_MAX)} ${lock}`,
    ),
  );
  const taken = takenOf(rows);
  await Promise.all(spansOf(taken).map((span) => fileSpan(query, name, span)));
  return taken.length < rows.length || rows.length === BATCHES_MAX;
}

type TailSpan = z.infer<typeof SpanRow>;

/** The first batches, until they have as many entries as are filed at once. */
function takenOf(rows: readonly TailSpan[]): readonly TailSpan[] {
  let entries = 0;
  const end = rows.findIndex(({ first, last }) => {
    entries += Math.max(1, last + 1 - first);
    return entries >= FILED_AT_ONCE;
  });
  return end < 0 ? rows : rows.slice(0, end + 1);
}

function spansOf(rows: readonly TailSpan[]): readonly Span[] {
  const spans = new Map<string, Span>();
  for (const { chain, first, last } of rows)
    spans.set(chain, { chain, first: spans.get(chain)?.first ?? first, lastBatch: first, last });
  return [...spans.values()];
}

const INTO = `INSERT INTO ledger_entries (chain, hour, ${NAMES.join(", ")})`;
/** An entry of this place that is there already stays: `ledger verify` says that it is another one. */
const FILE: Readonly<Record<Dialect["name"], string>> = {
  sqlite: `${INTO} SELECT t.chain, json_extract(e.value, '$.at_ms') / 3600000, ${NAMES.map((name) => `json_extract(e.value, '$.${name}')`).join(", ")}
    FROM ${TAIL} t, json_each(t.entries) e WHERE t.chain = $1 AND t.first_seq <= $2 ON CONFLICT DO NOTHING`,
  postgres: `${INTO} SELECT t.chain, e.at_ms / 3600000, ${NAMES.map((name) => `e.${name}`).join(", ")}
    FROM ${TAIL} t, json_to_recordset(t.entries::json) AS e (${COLUMNS.map(([name, type]) => `${name} ${type}`).join(", ")})
    WHERE t.chain = $1 AND t.first_seq <= $2 ON CONFLICT DO NOTHING`,
};
const COUNT = `INSERT INTO ledger_counts (${COUNT_COLUMNS.join(", ")})
  SELECT hour, chain, kind, coalesce(caller, ''), count(*), max(CASE kind WHEN 'mint' THEN coalesce(exp, 0) / 3600 ELSE 0 END)
  FROM ledger_entries WHERE chain = $1 AND seq >= $2 AND seq <= $3 GROUP BY hour, chain, kind, coalesce(caller, '') ${COUNT_CONFLICT}`;

async function fileSpan(
  query: Query,
  engine: Dialect["name"],
  { chain, first, lastBatch, last }: Span,
): Promise<void> {
  await Promise.all([
    query(FILE[engine], [chain, lastBatch]),
    query(COUNT, [chain, first, last]),
    query(`DELETE FROM ${TAIL} WHERE chain = $1 AND first_seq <= $2`, [chain, lastBatch]),
  ]);
}

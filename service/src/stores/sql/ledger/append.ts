import { z } from "zod";
import { Impossible } from "../../../kernel/assert.ts";
import type { LinkedEntry } from "../../../ledger/chain.ts";
import type { Batch } from "../../../ledger/ledger-store.ts";
import { type Database, type Parameter, parseRows, type Query, Whole } from "../database.ts";
import { insertRows } from "../insert-rows.ts";
import { COUNT_COLUMNS, COUNT_CONFLICT, countEntries, countsOf } from "./counts.ts";
import { hourOf } from "./hours.ts";

/** The columns of an entry, in the order of `rowOf`, with their types. */
const COLUMNS = [
  ["chain", "text"],
  ["seq", "bigint"],
  ["at_ms", "bigint"],
  ["hour", "bigint"],
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
const ENTRIES = `ledger_entries (${NAMES.join(", ")})`;

const EpochRow = z.object({ epoch: Whole });
const EPOCH = "SELECT epoch FROM revocation_state WHERE id = 1";

/**
 * Writes a batch in one transaction. Resolves to the epoch that it found, or to `undefined` when the chain does not end with the entry
 * that the batch follows, and then nothing is written. The ledger is held by the first statement: a revocation was committed before it,
 * or finds what is written here.
 */
export async function appendBatch(database: Database, batch: Batch): Promise<number | undefined> {
  const { name, ledgerLocks } = database.dialect;
  const work = name === "postgres" ? inOneStatement : inOneMessage;
  try {
    // Durable as every commit; the next change of the keys, or a log of 4 MB, moves it into the database's own file.
    return await database.write((query) => work(query, batch), {
      first: ledgerLocks?.shared,
      mayStayInLog: true,
    });
  } catch (thrown) {
    if (thrown instanceof HeadMoved) return undefined;
    throw thrown;
  }
}

/** The chain does not end with the entry that the batch follows: the transaction is rolled back. */
class HeadMoved extends Error {}

/** For SQLite: statements whose texts are few, so that each is prepared once. */
async function inOneMessage(query: Query, batch: Batch): Promise<number> {
  const [moved, epoch] = await Promise.all([
    query(...movedBy(batch)),
    query(EPOCH),
    ...chunksOf(batch.entries).map((chunk) => insertRows(query, ENTRIES, chunk.map(rowOf))),
    countEntries(query, batch.entries),
  ]);
  if (moved.length === 0) throw new HeadMoved();
  return epochIn(epoch);
}

/** For PostgreSQL, where each statement is a trip there and back: one text for batches of every size. */
async function inOneStatement(query: Query, batch: Batch): Promise<number> {
  const [sql, parameters] = movedBy(batch);
  const next = parameters.length + 1;
  const recordset = (columns: readonly (readonly [string, string])[]): string =>
    columns.map(([name, type]) => `${name} ${type}`).join(", ");
  const counts = countsOf(batch.entries).map((row) => objectOf(COUNT_COLUMNS, row));
  const entries = batch.entries.map((entry) => objectOf(COLUMNS, rowOf(entry)));
  const rows = await query(
    `WITH moved AS (${sql}), entered AS (
       INSERT INTO ${ENTRIES} SELECT ${NAMES.join(", ")}
       FROM json_to_recordset($${String(next)}::json) AS given (${recordset(COLUMNS)}) WHERE EXISTS (SELECT 1 FROM moved)
     ), counted AS (
       INSERT INTO ledger_counts (${COUNT_COLUMNS.map(([name]) => name).join(", ")}) SELECT given.*
       FROM json_to_recordset($${String(next + 1)}::json) AS given (${recordset(COUNT_COLUMNS)})
       WHERE EXISTS (SELECT 1 FROM moved) ${COUNT_CONFLICT}
     ) ${EPOCH} AND EXISTS (SELECT 1 FROM moved)`,
    [...parameters, JSON.stringify(entries), JSON.stringify(counts)],
  );
  if (rows.length === 0) throw new HeadMoved();
  return epochIn(rows);
}

function epochIn(rows: readonly unknown[]): number {
  const [row] = parseRows(EpochRow, "revocation_state", rows);
  if (row === undefined) throw new Impossible("the migration wrote the row");
  return row.epoch;
}

/** The statement that makes the last entry of a batch the end of its chain, and gives a row if it was the next one. */
function movedBy({ chain, before, entries }: Batch): readonly [string, readonly Parameter[]] {
  const last = entries.at(-1);
  if (last === undefined) throw new Impossible("a batch has entries");
  const { seq, hash, at } = last;
  return before === undefined
    ? [
        "INSERT INTO ledger_chains (chain, seq, hash, at_ms) VALUES ($1, $2, $3, $4) RETURNING 1 AS moved",
        [chain, seq, hash, at],
      ]
    : [
        "UPDATE ledger_chains SET seq = $1, hash = $2, at_ms = $3 WHERE chain = $4 AND seq = $5 AND hash = $6 RETURNING 1 AS moved",
        [seq, hash, at, chain, before.seq, before.hash],
      ];
}

function rowOf({ chain, seq, at, kind, prev, hash, body, index }: LinkedEntry): readonly Parameter[] {
  const { jti, digest, sender, caller, run, parent, root, exp } = index;
  return [
    chain,
    seq,
    at,
    hourOf(at),
    kind,
    prev,
    hash,
    body,
    jti,
    digest,
    sender,
    caller,
    run,
    parent,
    root,
    exp,
  ];
}

function objectOf(columns: readonly (readonly [string, string])[], row: readonly Parameter[]): object {
  return Object.fromEntries(columns.map(([name], place) => [name, row[place]]));
}

const CHUNK_MAX = 64;

/** Entries in groups of 64, 32, 16, …: seven texts for batches of every size. */
function chunksOf(entries: readonly LinkedEntry[]): readonly (readonly LinkedEntry[])[] {
  const chunks: (readonly LinkedEntry[])[] = [];
  for (let from = 0, size = CHUNK_MAX; from < entries.length; from += size) {
    while (size > entries.length - from) size /= 2;
    chunks.push(entries.slice(from, from + size));
  }
  return chunks;
}

import { z } from "zod";
import { Impossible } from "../../../kernel/assert.ts";
import type { Batch } from "../../../ledger/ledger-store.ts";
import { type Database, type Parameter, parseRows, type Query, Whole } from "../database.ts";
import { tailText } from "./tail.ts";

const EpochRow = z.object({ epoch: Whole });
const EPOCH = "SELECT epoch FROM revocation_state WHERE id = 1";

/**
 * Writes a batch in one transaction, at the end of its chain's tail. Resolves to the epoch that it found, or to `undefined` when the
 * chain does not end with the entry that the batch follows, and then nothing is written. The ledger is held by the first statement: a
 * revocation was committed before it, or finds what is written here.
 */
export async function appendBatch(database: Database, batch: Batch): Promise<number | undefined> {
  const { name, ledgerLocks } = database.dialect;
  const work = name === "postgres" ? inOneStatement : inOneMessage;
  try {
    // Durable as every commit; the next change of the keys, or a log of 16 MB, moves it into the database's own file.
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

/** For SQLite: one message to its thread. */
async function inOneMessage(query: Query, batch: Batch): Promise<number> {
  const [moved, epoch] = await Promise.all([
    query(...movedBy(batch)),
    query(EPOCH),
    query(
      "INSERT INTO ledger_tail (chain, first_seq, last_seq, entries) VALUES ($1, $2, $3, $4)",
      tailOf(batch),
    ),
  ]);
  if (moved.length === 0) throw new HeadMoved();
  return epochIn(epoch);
}

/** For PostgreSQL, where each statement is a trip there and back. */
async function inOneStatement(query: Query, batch: Batch): Promise<number> {
  const [sql, parameters] = movedBy(batch);
  const next = (place: number): string => `$${String(parameters.length + place)}`;
  const rows = await query(
    `WITH moved AS (${sql}), kept AS (
       INSERT INTO ledger_tail (chain, first_seq, last_seq, entries)
       SELECT ${next(1)}::text, ${next(2)}::bigint, ${next(3)}::bigint, ${next(4)}::text WHERE EXISTS (SELECT 1 FROM moved)
     ) ${EPOCH} AND EXISTS (SELECT 1 FROM moved)`,
    [...parameters, ...tailOf(batch)],
  );
  if (rows.length === 0) throw new HeadMoved();
  return epochIn(rows);
}

function tailOf({ chain, entries }: Batch): readonly Parameter[] {
  return [chain, endsOf(entries).first.seq, endsOf(entries).last.seq, tailText(entries)];
}

function endsOf(entries: Batch["entries"]): {
  readonly first: Batch["entries"][number];
  readonly last: Batch["entries"][number];
} {
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) throw new Impossible("a batch has entries");
  return { first, last };
}

function epochIn(rows: readonly unknown[]): number {
  const [row] = parseRows(EpochRow, "revocation_state", rows);
  if (row === undefined) throw new Impossible("the migration wrote the row");
  return row.epoch;
}

/** The statement that makes the last entry of a batch the end of its chain, and gives a row if it was the next one. */
function movedBy({ chain, before, entries }: Batch): readonly [string, readonly Parameter[]] {
  const { seq, hash, at } = endsOf(entries).last;
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

import { z } from "zod";
import { Impossible } from "../../../kernel/assert.ts";
import type { Batch } from "../../../ledger/ledger-store.ts";
import {
  type Database,
  type Dialect,
  type KnownStatement,
  type Parameter,
  parseRows,
  Whole,
} from "../database.ts";
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
  // Durable as every commit; the next change of the keys, or a log of 16 MB, moves it into the database's own file.
  const rows = await database.writeKnown(STATEMENTS[name](batch), {
    first: ledgerLocks?.shared,
    mayStayInLog: true,
  });
  const [row] = parseRows(EpochRow, "revocation_state", rows.at(-1) ?? []);
  return row?.epoch;
}

/** The last statement gives the epoch, if the chain was moved; without that, none of them changes anything. */
const STATEMENTS: Readonly<Record<Dialect["name"], (batch: Batch) => readonly KnownStatement[]>> = {
  // `changes()`: the rows that the statement before changed.
  sqlite: (batch) => [
    movedBy(batch),
    {
      sql: "INSERT INTO ledger_tail (chain, first_seq, last_seq, entries) SELECT $1, $2, $3, $4 WHERE changes() = 1",
      parameters: tailOf(batch),
    },
    { sql: `${EPOCH} AND changes() = 1`, parameters: [] },
  ],
  postgres: (batch) => {
    const { sql, parameters } = movedBy(batch);
    const next = (place: number): string => `$${String(parameters.length + place)}`;
    return [
      {
        sql: `WITH moved AS (${sql} RETURNING 1), kept AS (
       INSERT INTO ledger_tail (chain, first_seq, last_seq, entries)
       SELECT ${next(1)}::text, ${next(2)}::bigint, ${next(3)}::bigint, ${next(4)}::text WHERE EXISTS (SELECT 1 FROM moved)
     ) ${EPOCH} AND EXISTS (SELECT 1 FROM moved)`,
        parameters: [...parameters, ...tailOf(batch)],
      },
    ];
  },
};

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

/** The statement that makes the last entry of a batch the end of its chain, if it is the next one. */
function movedBy({ chain, before, entries }: Batch): KnownStatement {
  const { seq, hash, at } = endsOf(entries).last;
  return before === undefined
    ? {
        sql: "INSERT INTO ledger_chains (chain, seq, hash, at_ms) VALUES ($1, $2, $3, $4)",
        parameters: [chain, seq, hash, at],
      }
    : {
        sql: "UPDATE ledger_chains SET seq = $1, hash = $2, at_ms = $3 WHERE chain = $4 AND seq = $5 AND hash = $6",
        parameters: [seq, hash, at, chain, before.seq, before.hash],
      };
}

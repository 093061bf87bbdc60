import { z } from "zod";
import { Impossible } from "../../kernel/assert.ts";
import { epochMs } from "../../kernel/clock.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import {
  type ChainHead,
  type ChainName,
  type LinkedEntry,
  parseChainName,
  parseEntryHash,
} from "../../ledger/chain.ts";
import type { Appended, Batch, LedgerStore } from "../../ledger/ledger-store.ts";
import { type Database, type Parameter, parseRows, type Query, Whole } from "./database.ts";
import { insertRows } from "./insert-rows.ts";
import { countEntries } from "./ledger/counts.ts";
import { READ_COLUMNS, storedEntries } from "./ledger/entry-row.ts";
import { hourOf } from "./ledger/hours.ts";
import { read } from "./read-text.ts";
import { UniqueViolation } from "./try-write.ts";

const CHAINS = "ledger_chains";

const HeadRow = z.object({
  chain: read(parseChainName),
  seq: Whole,
  hash: read(parseEntryHash),
  at: Whole.transform(epochMs),
});
const EpochRow = z.object({ epoch: Whole });

const ENTRY_COLUMNS =
  "chain, seq, at_ms, hour, kind, prev, hash, body, jti, digest, sender, caller, run, parent, root, exp";
const HEAD_COLUMNS = 'chain, seq, hash, at_ms AS "at"';

/** The ledger in a database. The row of a chain decides which of two batches is written after the same entry. */
export function sqlLedger(database: Database): LedgerStore {
  const { ledgerLocks } = database.dialect;
  const append = (batch: Batch): Promise<Appended> =>
    database.write(async (query) => {
      const [, moved] = await Promise.all([
        ledgerLocks === undefined ? undefined : query(ledgerLocks.shared),
        moveHead(query, batch),
        insertRows(query, `ledger_entries (${ENTRY_COLUMNS})`, batch.entries.map(rowOf)),
        countEntries(query, batch.entries),
      ]);
      const [row] = parseRows(EpochRow, "revocation_state", moved);
      if (row === undefined) throw new HeadMoved();
      return { kind: "appended", epoch: row.epoch };
    });
  return {
    async append(batch) {
      try {
        return await append(batch);
      } catch (thrown) {
        if (!(thrown instanceof HeadMoved || thrown instanceof UniqueViolation)) throw thrown;
        return whatHappened(database, batch);
      }
    },

    headOf: (chain) => database.read((query) => headOf(query, chain)),

    heads: () =>
      database.read(async (query) =>
        parseRows(
          HeadRow,
          CHAINS,
          await query(`SELECT ${HEAD_COLUMNS} FROM ledger_chains ORDER BY at_ms DESC, chain`),
        ),
      ),

    entriesOf: (chain, afterSeq, limit) =>
      database.read(async (query) => {
        const rows = await query(
          `SELECT ${READ_COLUMNS} FROM ledger_entries WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
          [chain, afterSeq, limit],
        );
        return storedEntries(rows);
      }),
  };
}

/** The chain does not end with the entry that the batch follows. */
class HeadMoved extends Error {}

/** A transaction that is tried again after a lost connection may find its own rows. */
async function whatHappened(database: Database, { chain, entries }: Batch): Promise<Appended> {
  return database.read(async (query) => {
    const [head, epoch] = await Promise.all([
      headOf(query, chain),
      query("SELECT epoch FROM revocation_state WHERE id = 1"),
    ]);
    const [row] = parseRows(EpochRow, "revocation_state", epoch);
    if (row === undefined) throw new StoreCorrupt({ what: "row_missing", table: "revocation_state" });
    return head?.hash === entries.at(-1)?.hash ? { kind: "appended", epoch: row.epoch } : { kind: "forked" };
  });
}

/** Also reads the epoch: the lock is held, so a revocation was committed before, or finds what is written here. */
function moveHead(query: Query, { chain, before, entries }: Batch): Promise<readonly unknown[]> {
  const last = entries.at(-1);
  if (last === undefined) throw new Impossible("a batch has entries");
  const { seq, hash, at } = last;
  const epoch = "(SELECT epoch FROM revocation_state WHERE id = 1) AS epoch";
  return before === undefined
    ? query(
        `INSERT INTO ledger_chains (chain, seq, hash, at_ms) VALUES ($1, $2, $3, $4) RETURNING ${epoch}`,
        [chain, seq, hash, at],
      )
    : query(
        `UPDATE ledger_chains SET seq = $1, hash = $2, at_ms = $3 WHERE chain = $4 AND seq = $5 AND hash = $6 RETURNING ${epoch}`,
        [seq, hash, at, chain, before.seq, before.hash],
      );
}

async function headOf(query: Query, chain: ChainName): Promise<ChainHead | undefined> {
  const rows = await query(`SELECT ${HEAD_COLUMNS} FROM ledger_chains WHERE chain = $1`, [chain]);
  return parseRows(HeadRow, CHAINS, rows)[0];
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

import { z } from "zod";
import { epochMs } from "../../kernel/clock.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import { type ChainHead, type ChainName, parseChainName, parseEntryHash } from "../../ledger/chain.ts";
import type { Appended, Batch, LedgerStore } from "../../ledger/ledger-store.ts";
import { type Database, parseRows, type Query, Whole } from "./database.ts";
import { appendBatch } from "./ledger/append.ts";
import { READ_COLUMNS, storedEntries } from "./ledger/entry-row.ts";
import { fileTail, tailOf } from "./ledger/tail.ts";
import { read } from "./read-text.ts";
import { UniqueViolation } from "./try-write.ts";

const HeadRow = z.object({
  chain: read(parseChainName),
  seq: Whole,
  hash: read(parseEntryHash),
  at: Whole.transform(epochMs),
});
const EpochRow = z.object({ epoch: Whole });

const HEAD_COLUMNS = 'chain, seq, hash, at_ms AS "at"';

/**
 * The ledger in a database. The row of a chain decides which of two batches is written after the same entry. A row that is not as we
 * write them is as good as none, and keeps nobody from writing: `unreadable` is notified of how many there are.
 */
export function sqlLedger(database: Database, unreadable: (rows: number) => void = ignored): LedgerStore {
  return {
    async append(batch) {
      try {
        const epoch = await appendBatch(database, batch);
        if (epoch !== undefined) return { kind: "appended", epoch };
      } catch (thrown) {
        if (!(thrown instanceof UniqueViolation)) throw thrown;
      }
      return whatHappened(database, batch);
    },

    headOf: (chain) => database.read((query) => headOf(query, chain)),

    heads: () =>
      database.read(async (query) => {
        const rows = await query(`SELECT ${HEAD_COLUMNS} FROM ledger_chains ORDER BY at_ms DESC, chain`);
        const heads = headsIn(rows);
        if (heads.length < rows.length) unreadable(rows.length - heads.length);
        return heads;
      }),

    entriesOf: (chain, afterSeq, limit) =>
      database.read(async (query) => {
        const rows = await query(
          `SELECT ${READ_COLUMNS} FROM ledger_entries WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
          [chain, afterSeq, limit],
        );
        const filed = storedEntries(rows);
        const last = filed.at(-1)?.seq ?? afterSeq;
        return filed.length < limit
          ? [...filed, ...(await tailOf(query, chain, last, limit - filed.length))]
          : filed;
      }),

    file: () => fileTail(database),
  };
}

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

async function headOf(query: Query, chain: ChainName): Promise<ChainHead | undefined> {
  const rows = await query(`SELECT ${HEAD_COLUMNS} FROM ledger_chains WHERE chain = $1`, [chain]);
  return headsIn(rows)[0];
}

function headsIn(rows: readonly unknown[]): readonly ChainHead[] {
  return rows.flatMap((row) => HeadRow.safeParse(row).data ?? []);
}

function ignored(): void {
  // `ledger verify` finds them.
}

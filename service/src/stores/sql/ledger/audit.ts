import { z } from "zod";
import type { AuditStore, StoredHead } from "../../../ledger/audit/audit-store.ts";
import type { AuditedEntry } from "../../../ledger/audit/judge-entry.ts";
import { type Database, parseRows, type Query, Whole } from "../database.ts";
import { EntryRow } from "./entry-row.ts";
import { notesAfter } from "./notes.ts";
import { hashesAt, prunedChains } from "./places.ts";
import { tailOf } from "./tail.ts";

/** Whatever somebody else wrote there: it differs from the last row of the chain then. */
const HeadRow = z.object({
  chain: z.string().catch(""),
  seq: Whole.catch(0),
  hash: z.string().catch(""),
  at: Whole.catch(0),
});
const ChainRow = z.object({ chain: z.string() });
const AuditedRow = EntryRow.extend({ hour: Whole });
const HEAD = 'SELECT chain, seq, hash, at_ms AS "at" FROM ledger_chains';

/** The ledger in a database, as an audit reads it. */
export function sqlAudit(database: Database): AuditStore {
  return {
    storedHeads: () =>
      database.read(async (query) =>
        parseRows(HeadRow, "ledger_chains", await query(`${HEAD} ORDER BY chain`)),
      ),

    storedHead: (chain) =>
      database.read(async (query): Promise<StoredHead | undefined> => {
        const rows = await query(`${HEAD} WHERE chain = $1`, [chain]);
        return parseRows(HeadRow, "ledger_chains", rows)[0];
      }),

    // One step of the index for each chain: the rows are many, and the chains few.
    chainsWithRows: () =>
      database.read(async (query) => {
        const [filed, unfiled] = [
          await chainsIn(query, "ledger_entries"),
          await chainsIn(query, "ledger_tail"),
        ];
        return [...new Set([...filed, ...unfiled])].toSorted();
      }),

    rowsOf: (chain, afterSeq, limit) => database.read((query) => rowsOf(query, chain, afterSeq, limit)),

    notesAfter: (number, limit) => database.read((query) => notesAfter(query, number, limit)),

    hashesAt: (places) => database.read((query) => hashesAt(query, places)),

    pruned: () => database.read((query) => prunedChains(query)),
  };
}

async function chainsIn(query: Query, table: "ledger_entries" | "ledger_tail"): Promise<readonly string[]> {
  const chains: string[] = [];
  for (;;) {
    const rows = await query(`SELECT chain FROM ${table} WHERE chain > $1 ORDER BY chain LIMIT 1`, [
      chains.at(-1) ?? "",
    ]);
    const [next] = parseRows(ChainRow, table, rows);
    if (next === undefined) return chains;
    chains.push(next.chain);
  }
}

const ROWS = `SELECT chain, seq, at_ms AS "at", hour, kind, prev, hash, body, jti, digest, sender, caller, run, parent, root, exp
  FROM ledger_entries WHERE chain = $1`;

/** The key of the table has the hour too, so that a number may be there twice: then both rows come together. */
async function rowsOf(
  query: Query,
  chain: string,
  afterSeq: number,
  limit: number,
): Promise<readonly AuditedEntry[]> {
  const page = rowsIn(
    await query(`${ROWS} AND seq > $2 ORDER BY seq, hour LIMIT $3`, [chain, afterSeq, limit]),
  );
  const last = page.at(-1);
  if (last === undefined || page.length < limit)
    return [...page, ...(await tailOf(query, chain, last?.seq ?? afterSeq, limit - page.length))];
  const same = await query(`${ROWS} AND seq = $2 AND hour > $3 ORDER BY hour`, [chain, last.seq, last.hour]);
  return [...page, ...rowsIn(same)];
}

function rowsIn(rows: readonly unknown[]): readonly AuditedEntry[] {
  return parseRows(AuditedRow, "ledger_entries", rows).map(
    ({ chain, seq, at, hour, kind, prev, hash, body, ...index }) => ({
      ...{ chain, seq, at, hour, kind, prev, hash, body },
      index,
    }),
  );
}

import { z } from "zod";
import { parseEntryHash } from "../../../ledger/chain.ts";
import type { PrunedChain } from "../../../ledger/notes/entry-places.ts";
import { namesAll } from "../../../ledger/notes/heads-note.ts";
import type { PrunableTo, PruneStore } from "../../../ledger/prune/prune-store.ts";
import { type Database, parseRows, type Query, Whole } from "../database.ts";
import { prunedChains } from "./places.ts";

const ENTRIES = "ledger_entries";
const SLICE = 1_000;

const SeqRow = z.object({ seq: Whole });
const EndRow = z.object({ seq: Whole, hash: z.string(), kind: z.string() });
const NumberRow = z.object({ number: Whole });

/** Removes entries of a database for their age. */
export function sqlPrune(database: Database): PruneStore {
  return {
    pruned: () => database.read((query) => prunedChains(query)),

    prunableTo: (chain, { beforeMs, expFrom }) =>
      database.read(async (query) => {
        const [kept] = parseRows(
          SeqRow,
          ENTRIES,
          await query(
            `SELECT seq FROM ${ENTRIES} WHERE chain = $1 AND (at_ms >= $2 OR exp >= $3) ORDER BY seq LIMIT 1`,
            [chain, beforeMs, expFrom],
          ),
        );
        return entryBefore(query, chain, kept?.seq ?? Number.MAX_SAFE_INTEGER);
      }),

    before: (chain, seq) => database.read((query) => entryBefore(query, chain, seq)),

    remove: (to, atMs) => database.write((query) => removeSlice(query, to, atMs)),

    forgetChain: (chain) =>
      database.write(async (query) => {
        await query(
          `DELETE FROM ledger_chains WHERE chain = $1 AND NOT EXISTS (SELECT 1 FROM ${ENTRIES} WHERE ${ENTRIES}.chain = ledger_chains.chain)
             AND NOT EXISTS (SELECT 1 FROM ledger_tail WHERE ledger_tail.chain = ledger_chains.chain)`,
          [chain],
        );
      }),

    lastFullNote: (beforeMs) =>
      database.read(async (query) => {
        const rows = await query(
          "SELECT number FROM ledger_notes WHERE at_ms < $1 ORDER BY number DESC LIMIT 100",
          [beforeMs],
        );
        const full = parseRows(NumberRow, "ledger_notes", rows).find(({ number }) => namesAll(number));
        return full?.number ?? 0;
      }),

    removeNotes: (before) =>
      database.write(async (query) => {
        await query("DELETE FROM ledger_notes WHERE number < $1", [before]);
      }),

    removeCounts: (beforeHour) =>
      database.write(async (query) => {
        await query("DELETE FROM ledger_counts WHERE hour < $1", [beforeHour]);
      }),
  };
}

async function entryBefore(query: Query, chain: string, seq: number): Promise<PrunableTo | undefined> {
  const rows = await query(
    `SELECT seq, hash, kind FROM ${ENTRIES} WHERE chain = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1`,
    [chain, seq],
  );
  const [row] = parseRows(EndRow, ENTRIES, rows);
  const hash = row && parseEntryHash(row.hash);
  return row === undefined || hash === undefined ? undefined : { seq: row.seq, hash, kind: row.kind };
}

/** Removes entries up to this one, at most as many as a slice, and keeps the last hash. */
async function removeSlice(query: Query, { chain, seq }: PrunedChain, atMs: number): Promise<number> {
  const rows = await query(
    `SELECT seq, hash, kind FROM ${ENTRIES} WHERE chain = $1 AND seq <= $2 ORDER BY seq LIMIT ${String(SLICE)}`,
    [chain, seq],
  );
  const slice = parseRows(EndRow, ENTRIES, rows);
  const last = slice.at(-1);
  if (last === undefined) return 0;
  await query(`DELETE FROM ${ENTRIES} WHERE chain = $1 AND seq <= $2`, [chain, last.seq]);
  await query(
    `INSERT INTO ledger_pruned (chain, seq, hash, at_ms) VALUES ($1, $2, $3, $4)
     ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, at_ms = excluded.at_ms
     WHERE excluded.seq > ledger_pruned.seq`,
    [chain, last.seq, last.hash, atMs],
  );
  return slice.length;
}

import { z } from "zod";
import { epochSeconds } from "../../kernel/clock.ts";
import type { JwksFetches, UntrackedFetches, VerifierSighting } from "../../keys/managed/key-store.ts";
import { mergeFetches } from "../../keys/managed/verifier-sightings.ts";
import { fromAscii, toAscii } from "./ascii.ts";
import { type Parameter, parseRows, type Query, Whole } from "./database.ts";

const Text = z.string().transform(fromAscii);
const Moment = Whole.transform(epochSeconds);
const VerifierRow = z.object({
  address: Text,
  userAgent: Text,
  version: Whole,
  seenAt: Moment,
  minIntervalSeconds: Whole.nullable().transform((seconds) => seconds ?? undefined),
  fetches: Whole,
});
const UntrackedRow = z.object({ version: Whole, address: Text, seenAt: Moment, fetches: Whole });

/** Who fetched the JWKS. Throws `StoreCorrupt` for a row that this service did not write. */
export async function fetches(query: Query): Promise<JwksFetches> {
  return { verifiers: await verifiers(query), untracked: await untracked(query) };
}

/** Folds fresh fetches into the known ones. Rewrites the tables: they are small and bounded, and so they hold just what `mergeFetches` keeps. */
export async function noteFetches(query: Query, known: JwksFetches, fresh: JwksFetches): Promise<void> {
  if (fresh.verifiers.length === 0 && fresh.untracked.length === 0) return;
  const merged = mergeFetches(known, fresh);
  await query("DELETE FROM verifiers");
  await insert(
    query,
    "verifiers (address, user_agent, version, seen_at, min_interval_seconds, fetches)",
    merged.verifiers.map((one) => [
      toAscii(one.address),
      toAscii(one.userAgent),
      one.version,
      one.seenAt,
      one.minIntervalSeconds ?? null,
      one.fetches,
    ]),
  );
  if (merged.untracked.length === 0) return;
  await query("DELETE FROM untracked_fetches");
  await insert(
    query,
    "untracked_fetches (version, address, seen_at, fetches)",
    merged.untracked.map((one) => [one.version, toAscii(one.address), one.seenAt, one.fetches]),
  );
}

async function verifiers(query: Query): Promise<readonly VerifierSighting[]> {
  const rows = await query(
    `SELECT address, user_agent AS "userAgent", version, seen_at AS "seenAt", min_interval_seconds AS "minIntervalSeconds", fetches
     FROM verifiers ORDER BY seen_at DESC`,
  );
  return parseRows(VerifierRow, "verifiers", rows);
}

async function untracked(query: Query): Promise<readonly UntrackedFetches[]> {
  const rows = await query(
    'SELECT version, address, seen_at AS "seenAt", fetches FROM untracked_fetches ORDER BY version',
  );
  return parseRows(UntrackedRow, "untracked_fetches", rows);
}

async function insert(query: Query, columns: string, rows: readonly (readonly Parameter[])[]): Promise<void> {
  if (rows.length === 0) return;
  let parameter = 0;
  const slots = rows.map((row) => `(${row.map(() => `$${String(++parameter)}`).join(", ")})`);
  await query(`INSERT INTO ${columns} VALUES ${slots.join(", ")}`, rows.flat());
}

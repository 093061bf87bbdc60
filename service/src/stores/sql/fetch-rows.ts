import { z } from "zod";
import { fromAscii, toAscii } from "../../kernel/ascii.ts";
import { epochSeconds } from "../../kernel/clock.ts";
import type { KeySetName } from "../../kernel/ids.ts";
import type { JwksFetches, UntrackedFetches, VerifierSighting } from "../../keys/managed/key-store.ts";
import { mergeFetches } from "../../keys/managed/verifier-sightings.ts";
import { type Parameter, parseRows, type Query, Whole } from "./database.ts";
import { insertRows } from "./insert-rows.ts";

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
export async function fetches(query: Query, keySet: KeySetName): Promise<JwksFetches> {
  const [known, others] = await Promise.all([verifiers(query, keySet), untracked(query, keySet)]);
  return { verifiers: known, untracked: others };
}

/**
 * Folds fresh fetches into the known ones. Rewrites the tables, which are small and bounded, so that they hold exactly the result
 * of `mergeFetches`.
 */
export async function noteFetches(
  query: Query,
  keySet: KeySetName,
  known: JwksFetches,
  fresh: JwksFetches,
): Promise<void> {
  if (fresh.verifiers.length === 0 && fresh.untracked.length === 0) return;
  const merged = mergeFetches(known, fresh);
  await rewrite(
    query,
    keySet,
    "verifiers (key_set, address, user_agent, version, seen_at, min_interval_seconds, fetches)",
    merged.verifiers.map((one) => [
      keySet,
      toAscii(one.address),
      toAscii(one.userAgent),
      one.version,
      one.seenAt,
      one.minIntervalSeconds ?? null,
      one.fetches,
    ]),
  );
  if (merged.untracked.length === 0) return;
  await rewrite(
    query,
    keySet,
    "untracked_fetches (key_set, version, address, seen_at, fetches)",
    merged.untracked.map((one) => [keySet, one.version, toAscii(one.address), one.seenAt, one.fetches]),
  );
}

async function verifiers(query: Query, keySet: KeySetName): Promise<readonly VerifierSighting[]> {
  const rows = await query(
    `SELECT address, user_agent AS "userAgent", version, seen_at AS "seenAt", min_interval_seconds AS "minIntervalSeconds", fetches
     FROM verifiers WHERE key_set = $1 ORDER BY seen_at DESC`,
    [keySet],
  );
  return parseRows(VerifierRow, "verifiers", rows);
}

async function untracked(query: Query, keySet: KeySetName): Promise<readonly UntrackedFetches[]> {
  const rows = await query(
    'SELECT version, address, seen_at AS "seenAt", fetches FROM untracked_fetches WHERE key_set = $1 ORDER BY version',
    [keySet],
  );
  return parseRows(UntrackedRow, "untracked_fetches", rows);
}

async function rewrite(
  query: Query,
  keySet: KeySetName,
  into: string,
  rows: readonly (readonly Parameter[])[],
): Promise<void> {
  const [table = ""] = into.split(" ");
  await Promise.all([
    query(`DELETE FROM ${table} WHERE key_set = $1`, [keySet]),
    insertRows(query, into, rows),
  ]);
}

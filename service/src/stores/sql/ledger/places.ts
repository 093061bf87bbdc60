import { z } from "zod";
import { type ChainName, type EntryHash, parseChainName, parseEntryHash } from "../../../ledger/chain.ts";
import type { EntryPlaces, Place, PrunedChain } from "../../../ledger/notes/entry-places.ts";
import { type Database, parseRows, type Query, Whole } from "../database.ts";
import { tailOf } from "./tail.ts";

const HashRow = z.object({ chain: z.string(), seq: Whole, hash: z.string() });

/** The entries of a database, by their places. */
export function sqlPlaces(database: Database): EntryPlaces {
  return {
    hashesAt: (places) => database.read((query) => hashesAt(query, places)),
    pruned: () => database.read((query) => prunedChains(query)),
  };
}

/** The stored hashes at these places, in their order. */
export async function hashesAt(
  query: Query,
  places: readonly Place[],
): Promise<readonly (string | undefined)[]> {
  if (places.length === 0) return [];
  let parameter = 0;
  const slots = places.map(() => `(chain = $${String(++parameter)} AND seq = $${String(++parameter)})`);
  const rows = await query(
    `SELECT chain, seq, hash FROM ledger_entries WHERE ${slots.join(" OR ")}`,
    places.flatMap(({ chain, seq }) => [chain, seq]),
  );
  const found = new Map(
    parseRows(HashRow, "ledger_entries", rows).map(({ chain, seq, hash }) => [
      `${chain} ${String(seq)}`,
      hash,
    ]),
  );
  const hashes: (string | undefined)[] = [];
  for (const { chain, seq } of places)
    hashes.push(found.get(`${chain} ${String(seq)}`) ?? (await unfiledHashAt(query, { chain, seq })));
  return hashes;
}

/** Only the end of a chain is not filed. */
async function unfiledHashAt(query: Query, { chain, seq }: Place): Promise<string | undefined> {
  const [entry] = await tailOf(query, chain, seq - 1, 1);
  return entry?.seq === seq ? entry.hash : undefined;
}

/** How far each chain was pruned. */
export async function prunedChains(query: Query): Promise<readonly PrunedChain[]> {
  const rows = await query("SELECT chain, seq, hash FROM ledger_pruned ORDER BY chain");
  return parseRows(HashRow, "ledger_pruned", rows).flatMap(({ chain, seq, hash }) => {
    const [name, last]: [ChainName | undefined, EntryHash | undefined] = [
      parseChainName(chain),
      parseEntryHash(hash),
    ];
    return name === undefined || last === undefined ? [] : [{ chain: name, seq, hash: last }];
  });
}

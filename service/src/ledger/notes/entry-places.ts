import type { ChainName, EntryHash } from "../chain.ts";

/** Where an entry stands in its chain. */
export interface Place {
  readonly chain: ChainName;
  readonly seq: number;
}

/** Port. Looks entries up by their places. */
export interface EntryPlaces {
  /** The stored hashes at these places, in their order; `undefined`: there is no such entry. At most 100 places. */
  hashesAt(places: readonly Place[]): Promise<readonly (string | undefined)[]>;
  /** How far chains were pruned in an orderly way. */
  pruned(): Promise<readonly PrunedChain[]>;
}

/** The last entry of a chain that was removed for its age: all before it were removed too. */
export interface PrunedChain extends Place {
  readonly hash: EntryHash;
}

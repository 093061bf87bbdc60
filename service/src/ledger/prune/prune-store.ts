import type { ChainName, EntryHash } from "../chain.ts";
import type { PrunedChain } from "../notes/entry-places.ts";

/** Which entries may go: older than `beforeMs`, and of no token that expires at `expFrom` or later, in seconds. */
export interface PruneBounds {
  readonly beforeMs: number;
  readonly expFrom: number;
}

/** The last of the entries that may go. */
export interface PrunableTo {
  readonly seq: number;
  readonly hash: EntryHash;
  readonly kind: string;
}

/** Port. Removes entries from the beginnings of chains. Each method is one transaction and rejects with `StoreUnavailable`. */
export interface PruneStore {
  pruned(): Promise<readonly PrunedChain[]>;
  /** The last entry of the longest beginning of a chain that may go; `undefined`: none may. */
  prunableTo(chain: ChainName, bounds: PruneBounds): Promise<PrunableTo | undefined>;
  /** The entry before another one in its chain. */
  before(chain: ChainName, seq: number): Promise<PrunableTo | undefined>;
  /** Removes entries up to this one, at most a thousand, and keeps the last hash. Resolves to how many went. */
  remove(to: PrunedChain, atMs: number): Promise<number>;
  /** Removes the end of a chain of which no entry is left. */
  forgetChain(chain: ChainName): Promise<void>;
  /** The last note before a time that names every chain; 0: there is none. */
  lastFullNote(beforeMs: number): Promise<number>;
  /** Removes the notes before this one. */
  removeNotes(before: number): Promise<void>;
  /** Removes the counts of the hours before this one. */
  removeCounts(beforeHour: number): Promise<void>;
}

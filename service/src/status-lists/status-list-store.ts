import type { EpochSeconds } from "../kernel/clock.ts";
import type { Kid } from "../kernel/ids.ts";
import type { ListId } from "./status-place.ts";

/** What a block of indexes is reserved for. */
export interface BlockAsked {
  /** The key that signs its tokens: all of a list are of one key, so that one revocation of the key stops all. */
  readonly kid: Kid;
  readonly count: number;
  /** How many indexes a list has that is begun now, and its name. */
  readonly size: number;
  readonly fresh: ListId;
  /** How long tokens are minted with these indexes. */
  readonly holdSeconds: number;
  /** How long after it such a token may be accepted at most. */
  readonly lifeSeconds: number;
}

/** Indexes of a list that no other process has or will have: `count` from `first`. */
export interface Block {
  readonly list: ListId;
  readonly first: number;
  readonly count: number;
  /** No token is minted with them from this moment on. */
  readonly usableUntil: EpochSeconds;
}

/** A list of which a token may be live. */
export interface LiveList {
  readonly id: ListId;
  readonly kid: Kid;
  readonly size: number;
}

/**
 * Port. The status lists of all processes that share a database. Every adapter passes
 * `testing/contracts/status-lists-contract.ts`. Each method is one transaction and rejects with `StoreUnavailable`.
 */
export interface StatusListStore {
  /** Reserves indexes, of the open list of this key or of a new one. They are never reserved again, whatever becomes of the process. */
  reserve(asked: BlockAsked): Promise<Block>;
  /** The lists of which a token may be live, the newest first. */
  live(): Promise<readonly LiveList[]>;
  /** Reserves of no list any longer that there is now: after a backup was restored, they may be of indexes that were reserved before. */
  close(): Promise<number>;
  /** Removes the lists that have had no live token for a day; how many. */
  prune(): Promise<number>;
}

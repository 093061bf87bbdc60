import type { ChainHead, ChainName, LinkedEntry } from "./chain.ts";
import type { EntryIndex } from "./entry-index.ts";

/** Entries that follow each other at the end of a chain. */
export interface Batch {
  readonly chain: ChainName;
  /** The head that they follow; `undefined`: they begin the chain. */
  readonly before: Pick<ChainHead, "seq" | "hash"> | undefined;
  /** At least one. */
  readonly entries: readonly LinkedEntry[];
}

export type Appended =
  /** Committed. `epoch`: how many revocations had been committed before; one that is committed later finds these entries. */
  | { readonly kind: "appended"; readonly epoch: number }
  /** The chain does not end with `before`. Nothing was written. */
  | { readonly kind: "forked" };

/** An entry as the store gives it back: nothing of it is known to be as it was written. */
export interface StoredEntry {
  readonly chain: string;
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
  readonly prev: string;
  readonly hash: string;
  readonly body: string;
  readonly index: EntryIndex;
}

/**
 * Port. The entries of all chains. Each method is one transaction and rejects with `StoreUnavailable` when the store fails or is too
 * slow; an `append` may have been committed then or not, which `headOf` says.
 */
export interface LedgerStore {
  /** Writes a batch at the end of its chain, whole or not at all; durable when it resolves. The head of the chain decides a race. */
  append(batch: Batch): Promise<Appended>;
  headOf(chain: ChainName): Promise<ChainHead | undefined>;
  /** Of every chain, the newest first. */
  heads(): Promise<readonly ChainHead[]>;
  /** The entries of a chain after `afterSeq`, in their order, at most `limit`. */
  entriesOf(chain: ChainName, afterSeq: number, limit: number): Promise<readonly StoredEntry[]>;
  /** Files what was appended under all that entries are found by. Questions do it first, so they wait less when it is done often. */
  file(): Promise<void>;
}

import type { ChainName, LinkedEntry } from "../../ledger/chain.ts";
import type { RevokedToken, StoredRevocation } from "../../ledger/revocation/revocation-store.ts";

/** What the ledger and the revocations of one memory share. */
export interface MemoryRecords {
  readonly chains: Map<ChainName, LinkedEntry[]>;
  /** By epoch, from 1. */
  revocations: readonly StoredRevocation[];
  /** By epoch, then by id. */
  tokens: readonly RevokedToken[];
}

/** An empty memory. */
export function memoryRecords(): MemoryRecords {
  return { chains: new Map(), revocations: [], tokens: [] };
}

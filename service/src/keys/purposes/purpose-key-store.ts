import type { EpochMs } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";

/** What a key that signs no tokens is for. `status-ids` signs nothing: what hides the places in token ids is derived from it. */
export const PURPOSES = ["events", "status-lists", "status-ids"] as const;
export type Purpose = (typeof PURPOSES)[number];

/** A key as the store holds it: nothing of it is known to be as it was written, until `sealed` confirms it. */
export interface StoredPurposeKey {
  readonly kid: Kid;
  /** Whether it signs. At most one of a purpose does. */
  readonly isSigning: boolean;
  /** The private key of the one that signs, else the public key, encrypted. */
  readonly sealed: string;
  readonly madeAt: EpochMs;
}

/** A key that takes the place of the one that signs. */
export interface PurposeKeyChange {
  /** The one that signs so far, with its public key sealed; `undefined`: there is none. */
  readonly retired: { readonly kid: Kid; readonly sealed: string } | undefined;
  readonly made: Omit<StoredPurposeKey, "isSigning">;
}

/**
 * Port. The keys of one purpose. Every adapter passes `testing/contracts/purpose-keys-contract.ts`. Each method is one transaction and
 * rejects with `StoreUnavailable`.
 */
export interface PurposeKeyStore {
  /** The keys, the newest first. */
  keys(): Promise<readonly StoredPurposeKey[]>;
  /** Of several that do so at once, one replaces the key. `taken`: another key signs than the one that was to retire. */
  replaceKey(change: PurposeKeyChange): Promise<"replaced" | "taken">;
  /** Puts another sealed form in the place of one. Nothing happens when that one is no longer there. */
  reseal(kid: Kid, before: string, sealed: string): Promise<void>;
}

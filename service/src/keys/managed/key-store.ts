import type { EpochSeconds } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import type { Algorithm } from "../algorithm.ts";
import type { KeyChange } from "./key-change.ts";
import type { ManagedKey } from "./managed-key.ts";
import type { RotationSettings } from "./plan/rotation-rules.ts";

/** A running instance of the service, as it last reported to the store. */
export interface Replica {
  readonly id: string;
  /** The algorithm it is configured to sign with. */
  readonly alg: Algorithm;
  /** The version of the key set that it serves. */
  readonly version: number;
  /** Its other settings for rotation. */
  readonly settings: RotationSettings;
  readonly seenAt: EpochSeconds;
}

/** A client that fetches the JWKS, identified by its address and User-Agent. */
export interface VerifierSighting {
  readonly address: string;
  readonly userAgent: string;
  /** The newest version of the set that it has received. */
  readonly version: number;
  readonly seenAt: EpochSeconds;
  /** The shortest time between two of its fetches, in seconds; `undefined` after one fetch. */
  readonly minIntervalSeconds: number | undefined;
  readonly fetches: number;
}

/** Fetches of the JWKS by verifiers beyond those that are tracked one by one. */
export interface UntrackedFetches {
  /** The version of the set that they were served. */
  readonly version: number;
  /** Where the latest of them came from. */
  readonly address: string;
  readonly seenAt: EpochSeconds;
  readonly fetches: number;
}

/** Who fetched the JWKS, as far as that is known. */
export interface JwksFetches {
  readonly verifiers: readonly VerifierSighting[];
  /** One entry for a version. */
  readonly untracked: readonly UntrackedFetches[];
}

/** The whole key set as one consistent read. */
export interface KeySet extends JwksFetches {
  /** Grows by one with each change; 0 is the empty set of a new store. */
  readonly version: number;
  readonly keys: readonly ManagedKey[];
  /** The store's clock at the read: the only clock that decides about keys. */
  readonly now: EpochSeconds;
  /** When a replica that serves the JWKS last reported; `undefined` before the first. */
  readonly servedAt: EpochSeconds | undefined;
  readonly replicas: readonly Replica[];
}

/** What a replica reports to the store about every ten seconds; the fetches are those since the last beat, `seenAt` in the store's clock. */
export interface Beat extends JwksFetches {
  readonly replica: Omit<Replica, "seenAt">;
  /** Whether it serves the JWKS now, and no gap is left to count. Only then does the lead clock run. */
  readonly serving: boolean;
  /** The longest token life it is configured with. */
  readonly maxTtlSeconds: number;
  readonly signings: readonly { readonly kid: Kid; readonly maxExp: EpochSeconds }[];
}

/**
 * Port. Where managed keys live. Every adapter passes `testing/contracts/key-store-contract.ts`. Methods reject with
 * `StoreUnavailable` when the store cannot be reached in time and with `StoreCorrupt` when what it holds was altered.
 */
export interface KeyStore {
  /** One consistent read. It writes nothing, so it does not show that this store accepts writes: a lease never rests on it. */
  load(): Promise<KeySet>;
  /**
   * Applies all changes in one transaction if the set is still at version `seen`; else changes nothing and says `stale`.
   * A `pause` among them accounts for the gap up to now, so it also moves `servedAt` to now: no gap is counted twice.
   */
  replace(seen: number, changes: readonly KeyChange[]): Promise<"replaced" | "stale">;
  /**
   * Reads the set and writes what `report` makes of it: that a replica runs, what it serves and what it signed. Both happen in
   * one transaction, and the promise resolves after its commit: so the set comes from a store that is writable and primary, not
   * from a standby or a read-only one. Resolves to the set as the transaction found it; never changes the version. `report` may
   * be called again when the transaction is tried again; its last result counts, and for `undefined` nothing is written.
   */
  beat(report: (set: KeySet) => Beat | undefined): Promise<KeySet>;
}

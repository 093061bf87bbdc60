import { after, type EpochSeconds, latest } from "../../kernel/clock.ts";
import type { Algorithm } from "../algorithm.ts";
import { isServedIn, type KeyMoments, type KeyState, servedAt, stateAt } from "../key-state.ts";
import type { PublicJwk } from "../public-jwk.ts";
import { overlapSeconds, type RotationTiming, toleranceSeconds } from "../timing.ts";

/**
 * A key that the service made and keeps in a store. Its moments are times of the store's clock, each at the commit that made it
 * true. Its kid is never used again, not even after the key is gone.
 */
export interface ManagedKey extends KeyMoments {
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
  /** The set's version that first held the key: a replica or verifier that knows this version knows the key. */
  readonly publishedVersion: number;
  /** How long no replica served the key since it was published; this time does not count towards its lead. */
  readonly pausedSeconds: number;
  readonly taintedFrom: EpochSeconds | undefined;
  readonly revokedFrom: EpochSeconds | undefined;
  /** Why it was tainted, revoked or retired by hand. */
  readonly reason: string | undefined;
  /** No token of this key is valid after this moment; set when it begins to sign. */
  readonly notAfter: EpochSeconds | undefined;
  /** S: the longest token life that any replica was configured with while the key could sign. */
  readonly maxTtlSeconds: number;
  /** E: the latest `exp` that was signed with the key, as far as the replicas have reported; 0 when none. */
  readonly maxExp: EpochSeconds;
  /** The private key under the key-encryption key; destroyed when the key is revoked or retired. */
  readonly sealed: string | undefined;
}

/** The state of a managed key. Its moments record what has happened, whatever a clock says now. */
export function stateOf(key: ManagedKey): KeyState {
  return stateAt(key, Number.POSITIVE_INFINITY);
}

/** When a key has been served for its lead, not counting the time in which nothing was served. */
export function leadOverFrom(key: ManagedKey, leadSeconds: number): EpochSeconds {
  return after(key.publishedFrom, key.pausedSeconds + leadSeconds);
}

/** B3: from when a retiring key may leave the JWKS. `undefined` while it may still sign. */
export function removableFrom(key: ManagedKey, timing: RotationTiming): EpochSeconds | undefined {
  if (key.retiringFrom === undefined) return undefined;
  const lastPossible = after(key.retiringFrom, overlapSeconds(timing, key.maxTtlSeconds));
  return latest(after(key.maxExp, toleranceSeconds(timing)), lastPossible);
}

/** Whether verifiers find the key in the JWKS. */
export function isServed(key: ManagedKey): boolean {
  return isServedIn(stateOf(key));
}

/** Whether the key is the one that signs for its algorithm. */
export function isSigning(key: ManagedKey): boolean {
  return stateOf(key) === "signing";
}

/** Whether tokens may be signed with the key now: it is the signing key, and its own end has not come. */
export function canSign(key: ManagedKey, now: EpochSeconds): boolean {
  return isSigning(key) && (key.notAfter === undefined || now < key.notAfter);
}

/** Whether the key is served and has never signed. */
export function isStandby(key: ManagedKey): boolean {
  return stateOf(key) === "standby";
}

/** The keys of the JWKS in its order. */
export function servedInOrder(keys: readonly ManagedKey[]): readonly ManagedKey[] {
  return servedAt(keys, Number.POSITIVE_INFINITY);
}

import { after, type EpochSeconds, latest } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import type { Algorithm } from "../algorithm.ts";
import type { SealedKey } from "../custody/sealer.ts";
import type { PublicJwk } from "../import/import-key.ts";
import { overlapSeconds, type RotationTiming, toleranceSeconds } from "../timing.ts";

/**
 * A key that the service made and keeps in a store. The moments are the store's own clock at the commit that made them true;
 * `undefined` means not yet. Nothing else says what state a key is in.
 */
export interface ManagedKey {
  /** RFC 7638 thumbprint, or what an imported key was called; never used again, not even after the key is gone. */
  readonly kid: Kid;
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
  readonly publishedAt: EpochSeconds;
  /** The set's version that first held the key: a replica or verifier that knows this version knows the key. */
  readonly publishedVersion: number;
  /** How long no replica served the key since it was published; this time does not count towards its lead. */
  readonly pausedSeconds: number;
  readonly activatedAt: EpochSeconds | undefined;
  readonly deactivatedAt: EpochSeconds | undefined;
  readonly taintedAt: EpochSeconds | undefined;
  readonly revokedAt: EpochSeconds | undefined;
  readonly retiredAt: EpochSeconds | undefined;
  /** Why it was tainted, revoked or retired by hand. */
  readonly reason: string | undefined;
  /** No token of this key lives past this moment; set when it is activated. */
  readonly notAfter: EpochSeconds | undefined;
  /** S: the longest token life that any replica was configured with while the key could sign. */
  readonly maxTtlSeconds: number;
  /** E: the latest `exp` that was signed with the key, as far as the replicas have told; 0 when none. */
  readonly maxExp: EpochSeconds;
  /** The private key under the key-encryption key; destroyed when the key is revoked or retired. */
  readonly sealed: SealedKey | undefined;
}

/** What a managed key is doing. In the JWKS: `published` to `tainted`. Signs: `active` alone. */
export type ManagedState = "published" | "ready" | "active" | "retiring" | "tainted" | "revoked" | "retired";

/** The state of a key at `now` of the store's clock; `knownAt` is when every verifier knows a standby key. */
export function managedStateAt(
  key: ManagedKey,
  now: EpochSeconds,
  knownAt: EpochSeconds | undefined,
): ManagedState {
  if (key.revokedAt !== undefined) return "revoked";
  if (key.retiredAt !== undefined) return "retired";
  if (key.taintedAt !== undefined) return "tainted";
  if (key.deactivatedAt !== undefined) return "retiring";
  if (key.activatedAt !== undefined) return "active";
  return knownAt !== undefined && now >= knownAt ? "ready" : "published";
}

/** When a key has been served for its lead, not counting the time in which nothing was served. */
export function readyAt(key: ManagedKey, leadSeconds: number): EpochSeconds {
  return after(key.publishedAt, key.pausedSeconds + leadSeconds);
}

/** B3: from when a key that no longer signs may leave the JWKS. `undefined` while it may still sign. */
export function removableAt(key: ManagedKey, timing: RotationTiming): EpochSeconds | undefined {
  if (key.deactivatedAt === undefined) return undefined;
  const lastPossible = after(key.deactivatedAt, overlapSeconds(timing, key.maxTtlSeconds));
  return latest(after(key.maxExp, toleranceSeconds(timing)), lastPossible);
}

/** Whether verifiers find the key in the JWKS. */
export function isServed(key: ManagedKey): boolean {
  return key.revokedAt === undefined && key.retiredAt === undefined;
}

/** Whether the key may sign now. */
export function isActive(key: ManagedKey): boolean {
  return isServed(key) && key.activatedAt !== undefined && key.deactivatedAt === undefined;
}

/** Whether tokens may be signed with the key now: it is active, and its own end has not come. */
export function canSign(key: ManagedKey, now: EpochSeconds): boolean {
  return isActive(key) && (key.notAfter === undefined || now < key.notAfter);
}

/** Whether the key is served and has never signed. */
export function isStandby(key: ManagedKey): boolean {
  return isServed(key) && key.activatedAt === undefined && key.taintedAt === undefined;
}

/** The JWKS order: what signs, then what will, then what did, newest first; ties by kid, so that equal sets render alike. */
export function servedInOrder(keys: readonly ManagedKey[]): readonly ManagedKey[] {
  const rank = (key: ManagedKey): number => (isActive(key) ? 0 : isStandby(key) ? 1 : 2);
  return keys
    .filter(isServed)
    .toSorted(
      (one, other) =>
        rank(one) - rank(other) ||
        (other.deactivatedAt ?? 0) - (one.deactivatedAt ?? 0) ||
        other.publishedVersion - one.publishedVersion ||
        (one.kid < other.kid ? -1 : 1),
    );
}

import { Impossible, unreachable } from "../../kernel/assert.ts";
import { after, type EpochSeconds, epochSeconds, latest } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import type { Algorithm } from "../algorithm.ts";
import type { HeldKey } from "../custody/custody.ts";
import { isSigning, type ManagedKey } from "./managed-key.ts";

/** One change of the key set. A store applies a list of them in one transaction and stamps them with its own clock. */
export type KeyChange =
  | ({ readonly kind: "publish" } & HeldKey)
  /** `lifeSeconds`: how long after this moment the key's tokens may live at most. */
  | {
      readonly kind: "activate";
      readonly kid: Kid;
      readonly lifeSeconds: number;
      readonly maxTtlSeconds: number;
    }
  | { readonly kind: "deactivate"; readonly kid: Kid }
  | { readonly kind: "taint"; readonly kid: Kid; readonly reason: string }
  | { readonly kind: "revoke"; readonly kid: Kid; readonly reason: string }
  | { readonly kind: "retire"; readonly kid: Kid; readonly reason?: string }
  | { readonly kind: "pause"; readonly kid: Kid; readonly seconds: number }
  | { readonly kind: "reseal"; readonly kid: Kid; readonly sealed: string };

/** A key is to be made, published, and, when nothing was ever served before, activated at once. */
export interface MakeKey {
  readonly kind: "make";
  readonly alg: Algorithm;
  readonly activate: boolean;
}

/** A key's private part is to be sealed again under the current first key-encryption key. */
export interface ResealKey {
  readonly kind: "reseal";
  readonly kid: Kid;
}

/** One step of a plan; the steps of one plan are applied together or not at all. */
export type KeyStep = Exclude<KeyChange, { readonly kind: "publish" | "reseal" }> | MakeKey | ResealKey;

/**
 * The keys after the changes, stamped with `now`; pure, so that every store does the same. `version` is the set's version
 * after the change. Throws `Impossible` when a change names a key that is not there or a kid that was used before: the caller
 * planned against another set, which the version check rules out.
 */
export function applyChanges(
  keys: readonly ManagedKey[],
  changes: readonly KeyChange[],
  now: EpochSeconds,
  version: number,
): readonly ManagedKey[] {
  const byKid = new Map(keys.map((key) => [key.kid, key]));
  for (const change of changes) {
    const current = byKid.get(change.kid);
    if (change.kind === "publish") {
      if (current !== undefined) throw new Impossible("a kid would be used twice");
      byKid.set(change.kid, published(change, now, version));
    } else {
      if (current === undefined) throw new Impossible("a change names a key that is not in the set");
      byKid.set(change.kid, { ...current, ...stampsOf(current, change, now) });
    }
  }
  const result = [...byKid.values()];
  refuseTwoSigning(result);
  return result;
}

function published(
  change: Extract<KeyChange, { kind: "publish" }>,
  now: EpochSeconds,
  version: number,
): ManagedKey {
  const { kid, alg, publicJwk, sealed } = change;
  return {
    kid,
    alg,
    publicJwk,
    publishedFrom: now,
    publishedVersion: version,
    pausedSeconds: 0,
    signingFrom: undefined,
    retiringFrom: undefined,
    taintedFrom: undefined,
    revokedFrom: undefined,
    retiredFrom: undefined,
    reason: undefined,
    notAfter: undefined,
    maxTtlSeconds: 0,
    maxExp: epochSeconds(0),
    sealed,
  };
}

function stampsOf(
  key: ManagedKey,
  change: Exclude<KeyChange, { kind: "publish" }>,
  now: EpochSeconds,
): Partial<ManagedKey> {
  const off = { retiringFrom: first(key.retiringFrom, now) };
  switch (change.kind) {
    case "activate":
      return {
        signingFrom: now,
        notAfter: after(now, change.lifeSeconds),
        maxTtlSeconds: Math.max(key.maxTtlSeconds, change.maxTtlSeconds),
      };
    case "deactivate":
      return off;
    case "taint":
      return { ...off, taintedFrom: first(key.taintedFrom, now), reason: change.reason };
    case "revoke":
      return { ...off, revokedFrom: first(key.revokedFrom, now), reason: change.reason, sealed: undefined };
    case "retire":
      return { retiredFrom: first(key.retiredFrom, now), sealed: undefined, ...withReason(change.reason) };
    case "pause":
      return { pausedSeconds: key.pausedSeconds + change.seconds };
    case "reseal":
      return { sealed: key.sealed && change.sealed };
    default:
      return unreachable(change);
  }
}

/** A stamp is given once: a second one of its kind changes nothing. */
function first(stamp: EpochSeconds | undefined, now: EpochSeconds): EpochSeconds {
  return stamp ?? now;
}

/** A new reason replaces an earlier one; without a new one the earlier one stays. */
function withReason(reason: string | undefined): Partial<ManagedKey> {
  return reason === undefined ? {} : { reason };
}

/** I1: at most one key of an algorithm signs. The stores hold this with a unique index too. */
function refuseTwoSigning(keys: readonly ManagedKey[]): void {
  const signing = keys.filter(isSigning);
  if (new Set(signing.map((key) => key.alg)).size !== signing.length)
    throw new Impossible("two keys of one algorithm would sign");
}

/** What a replica reports of the tokens that it signed, folded into the keys. Moments only move forward. */
export function applySignings(
  keys: readonly ManagedKey[],
  signings: readonly { readonly kid: Kid; readonly maxExp: EpochSeconds }[],
  maxTtlSeconds: number,
): readonly ManagedKey[] {
  const latestExp = new Map(signings.map((signing) => [signing.kid, signing.maxExp]));
  return keys.map((key) => {
    const maxExp = latest(key.maxExp, latestExp.get(key.kid) ?? key.maxExp);
    const ttl = isSigning(key) ? Math.max(key.maxTtlSeconds, maxTtlSeconds) : key.maxTtlSeconds;
    return maxExp === key.maxExp && ttl === key.maxTtlSeconds ? key : { ...key, maxExp, maxTtlSeconds: ttl };
  });
}

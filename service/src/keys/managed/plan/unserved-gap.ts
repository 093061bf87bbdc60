import { after, type EpochSeconds } from "../../../kernel/clock.ts";
import { leadThroughGraceSeconds, type RotationTiming } from "../../timing.ts";
import type { KeySet } from "../key-store.ts";
import { canSign, isServed, isStandby, leadOverFrom, type ManagedKey } from "../managed-key.ts";
import { isLive } from "./fleet-rules.ts";
import type { RotationRules } from "./rotation-rules.ts";

// The open gap: the time since some replica last served the JWKS, which no change of the set has counted yet.

/**
 * How much of the open gap does not count towards the lead of a standby key; 0 while a gap is no longer than replicas may lag.
 * Before the first service the gap is the key's whole age.
 */
export function unservedSeconds(key: ManagedKey, set: KeySet, timing: RotationTiming): number {
  const gap = set.now - (set.servedAt ?? key.publishedFrom);
  if (gap <= timing.replicaLagSeconds) return 0;
  // A gap is counted again by every runner until a replica serves again: at worst the whole lead starts over, never more.
  return Math.max(0, Math.min(gap, set.now - key.publishedFrom - key.pausedSeconds));
}

/**
 * Whether standby keys were not served for longer than F, and no change has counted this yet. A beat that said "serving" would
 * hide the gap from the planner, whichever replica's it is.
 */
export function hasOpenGap(set: KeySet, timing: RotationTiming): boolean {
  return set.keys.some((key) => isStandby(key) && unservedSeconds(key, set, timing) > 0);
}

/** How long replicas have served a standby key. */
export function servedSeconds(key: ManagedKey, set: KeySet, timing: RotationTiming): number {
  return set.now - key.publishedFrom - key.pausedSeconds - unservedSeconds(key, set, timing);
}

/**
 * When every verifier knows a standby key: when it has been served for its lead, or when no replica has served for B2: then the
 * last verifier has dropped everything that was served before the gap. Only for a key that was published before it: whatever is
 * served after the gap holds that one. docs/keys.md has the proof.
 */
export function readyFrom(
  key: ManagedKey,
  set: KeySet,
  { leadSeconds, timing }: RotationRules,
): EpochSeconds {
  const byLead = after(leadOverFrom(key, leadSeconds), unservedSeconds(key, set, timing));
  const forgotten = set.servedAt && after(set.servedAt, leadThroughGraceSeconds(timing));
  const isByGap = forgotten !== undefined && forgotten <= set.now && key.publishedFrom <= (set.servedAt ?? 0);
  return isByGap && forgotten < byLead && gapCounts(set) ? forgotten : byLead;
}

/**
 * Whether the open gap may stand in for a lead. Only where the alternative is that nothing is signed, and where nothing says that
 * there was no gap: an imported key may have been served by another service meanwhile, and where a replica was up, a clock was set.
 */
function gapCounts({ keys, replicas, now }: KeySet): boolean {
  return (
    !keys.some((key) => canSign(key, now)) &&
    !keys.some((key) => isServed(key) && isImported(key, keys)) &&
    !replicas.some((replica) => isLive(replica, now) && replica.version > 0)
  );
}

/** Only an import makes the first change of a store with one key that signs: the first start makes its successor too. */
function isImported(
  { kid, publishedVersion, publishedFrom, signingFrom }: ManagedKey,
  keys: readonly ManagedKey[],
): boolean {
  const isFirst = publishedVersion === 1 && signingFrom === publishedFrom;
  return isFirst && !keys.some((other) => other.kid !== kid && other.publishedVersion === publishedVersion);
}

import { after, type EpochSeconds, epochSeconds } from "../../../kernel/clock.ts";
import type { Kid } from "../../../kernel/ids.ts";
import { ALGORITHMS, type Algorithm } from "../../algorithm.ts";
import { leadThroughGraceSeconds, type RotationTiming } from "../../timing.ts";
import type { KeyStep } from "../key-change.ts";
import type { JwksFetches, KeySet, UntrackedFetches, VerifierSighting } from "../key-store.ts";
import { canSign, isServed, isSigning, isStandby, type ManagedKey, removableFrom } from "../managed-key.ts";
import { fleetRules, isLive } from "./fleet-rules.ts";
import type { RotationRules } from "./rotation-rules.ts";
import { readyFrom, unservedSeconds } from "./unserved-gap.ts";

/** A problem that rotation cannot fix by itself now. */
export type RotationAlarm =
  | { readonly kind: "overdue"; readonly alg: Algorithm; readonly kid: Kid; readonly sinceSeconds: number }
  | {
      readonly kind: "verifiers_behind";
      readonly kid: Kid;
      readonly verifiers: readonly VerifierSighting[];
      /** Fetches by untracked verifiers: they may lack the key as well. */
      readonly untracked: readonly UntrackedFetches[];
      readonly held: boolean;
    }
  | { readonly kind: "too_many_keys"; readonly alg: Algorithm };

export interface RotationPlan {
  readonly steps: readonly KeyStep[];
  readonly alarms: readonly RotationAlarm[];
}

/** I7: verifiers try every key on an unknown kid, so the JWKS holds at most this many of one algorithm. */
export const KEYS_SERVED_MAX = 4;

/**
 * What is to be done now so that tokens are signed by a key that every verifier knows, a standby key is ready, and no key
 * leaves before its last token expired: all of docs/keys.md, section by section. Pure; the same set gives the same plan on every
 * replica, so any number of runners equals one.
 */
export function planRotation(set: KeySet, own: RotationRules): RotationPlan {
  const { keys, now } = set;
  const rules = fleetRules(own, set);
  const wanted = wantedAlgorithms(set, rules);
  const plans = [...wanted, ...interimAlgorithms(set, wanted)].map((alg) => planAlgorithm(set, alg, rules));
  return {
    steps: [
      ...pauses(set, rules.timing),
      ...plans.flatMap((plan) => plan.steps),
      ...windDown(keys, wanted),
      ...retirements(keys, now, rules.timing),
    ],
    alarms: plans.flatMap((plan) => plan.alarms),
  };
}

/** The algorithms of all live replicas, so that replicas in the middle of a change of algorithm do not undo each other's changes. */
function wantedAlgorithms(set: KeySet, rules: RotationRules): readonly Algorithm[] {
  const live = set.replicas.filter((replica) => isLive(replica, set.now));
  return ALGORITHMS.filter((alg) => alg === rules.alg || live.some((replica) => replica.alg === alg));
}

/**
 * Algorithms that no replica uses any more and that have a standby key: one of those signs rather than none, until one of a used
 * algorithm may.
 */
function interimAlgorithms({ keys, now }: KeySet, wanted: readonly Algorithm[]): readonly Algorithm[] {
  if (keys.some((key) => canSign(key, now))) return [];
  return ALGORITHMS.filter(
    (alg) => !wanted.includes(alg) && keys.some((key) => key.alg === alg && isStandby(key)),
  );
}

/** The lead counts only time in which the key was really served: a gap in which no replica served stops it. */
function pauses(set: KeySet, timing: RotationTiming): KeyStep[] {
  return set.keys.filter(isStandby).flatMap((key) => {
    const seconds = unservedSeconds(key, set, timing);
    return seconds > 0 ? [{ kind: "pause", kid: key.kid, seconds }] : [];
  });
}

function planAlgorithm(set: KeySet, alg: Algorithm, rules: RotationRules): RotationPlan {
  const own = set.keys.filter((key) => key.alg === alg);
  const signing = own.find(isSigning);
  const standby = own
    .filter(isStandby)
    .toSorted((one, other) => one.publishedFrom - other.publishedFrom || (one.kid < other.kid ? -1 : 1));
  if (!set.keys.some((key) => key.signingFrom !== undefined)) {
    // Nothing was ever signed, so no verifier holds a set that could lack this key: it may sign at once.
    const [first] = standby;
    return first === undefined ? bootstrap(set, alg) : activation(set, first, undefined, rules);
  }
  const overdueSeconds = signing === undefined ? 0 : set.now - dueAt(signing, rules);
  const ready = standby.find((key) => set.now >= readyFrom(key, set, rules));
  if (overdueSeconds < 0) return withStandby({ steps: [], alarms: [] }, own, standby, alg);
  if (ready !== undefined) return withStandby(activation(set, ready, signing, rules), own, standby, alg);
  const alarms: RotationAlarm[] =
    signing === undefined ? [] : [{ kind: "overdue", alg, kid: signing.kid, sinceSeconds: overdueSeconds }];
  return withStandby({ steps: [], alarms }, own, standby, alg);
}

/** The first key of all, and its successor. When another algorithm bootstraps in the same plan, only one key signs at once. */
function bootstrap(set: KeySet, alg: Algorithm): RotationPlan {
  const steps: KeyStep[] = [{ kind: "make", alg, activate: true }];
  if (set.keys.length === 0) steps.push({ kind: "make", alg, activate: false });
  return { steps, alarms: [] };
}

/** A ready key takes over from the signing key in one transaction, unless the gate holds it. */
function activation(
  set: KeySet,
  ready: ManagedKey,
  signing: ManagedKey | undefined,
  rules: RotationRules,
): RotationPlan {
  const behind = rules.gate === "off" ? NOBODY : fetchesBehind(set, ready, rules);
  const isBehind = behind.verifiers.length > 0 || behind.untracked.length > 0;
  const held = isBehind && rules.gate === "enforce";
  const alarms: RotationAlarm[] = isBehind
    ? [{ kind: "verifiers_behind", kid: ready.kid, ...behind, held }]
    : [];
  return { steps: held ? [] : takeOver(ready, signing, rules), alarms };
}

/** The two changes that make one key sign instead of another. The old one goes first: never two signing keys. */
export function takeOver(
  ready: ManagedKey,
  signing: ManagedKey | undefined,
  rules: RotationRules,
): KeyStep[] {
  const activate: KeyStep = {
    kind: "activate",
    kid: ready.kid,
    lifeSeconds: lifeSeconds(rules),
    maxTtlSeconds: rules.timing.maxTtlSeconds,
  };
  return signing === undefined ? [activate] : [{ kind: "deactivate", kid: signing.kid }, activate];
}

/**
 * When the signing key's successor is to take over: after the period, and in any case early enough before the key's own end,
 * which was fixed when it was activated, perhaps under a shorter period or by another program.
 */
export function dueAt(key: ManagedKey, rules: RotationRules): EpochSeconds {
  const byPeriod = after(key.signingFrom ?? key.publishedFrom, rules.periodSeconds);
  if (key.notAfter === undefined) return byPeriod;
  const byEnd = after(key.notAfter, -(rules.timing.maxTtlSeconds + rules.leadSeconds));
  return epochSeconds(Math.min(byEnd, byPeriod));
}

/** How long after its activation a key's tokens may live: twice the period, so that a late rotation does not stop the mint. */
export function lifeSeconds(rules: RotationRules): number {
  return 2 * rules.periodSeconds + rules.timing.maxTtlSeconds;
}

/**
 * Verifiers that fetched within their TTL and grace and were not yet served a set that holds the key. A fetch by an untracked
 * verifier counts as one of those until it is that old: it is not known whether that verifier has fetched again.
 */
export function fetchesBehind(
  { now, verifiers, untracked }: KeySet,
  { publishedVersion }: ManagedKey,
  { timing }: RotationRules,
): JwksFetches {
  const horizon = leadThroughGraceSeconds(timing);
  const isBehind = ({ seenAt, version }: { readonly seenAt: EpochSeconds; readonly version: number }) =>
    now - seenAt <= horizon && version < publishedVersion;
  return { verifiers: verifiers.filter(isBehind), untracked: untracked.filter(isBehind) };
}

const NOBODY: JwksFetches = { verifiers: [], untracked: [] };

/** Adds a new standby key where the plan leaves none, unless the JWKS would hold too many. */
function withStandby(
  plan: RotationPlan,
  own: readonly ManagedKey[],
  standby: readonly ManagedKey[],
  alg: Algorithm,
): RotationPlan {
  const taken = plan.steps.some((step) => step.kind === "activate") ? 1 : 0;
  if (standby.length > taken) return plan;
  if (own.filter(isServed).length >= KEYS_SERVED_MAX)
    return { steps: plan.steps, alarms: [...plan.alarms, { kind: "too_many_keys", alg }] };
  return { steps: [...plan.steps, { kind: "make", alg, activate: false }], alarms: plan.alarms };
}

/** Keys of an algorithm that no live replica wants: the signing key stops signing once another algorithm signs; the rest go. */
function windDown(keys: readonly ManagedKey[], wanted: readonly Algorithm[]): KeyStep[] {
  const successorSigns = keys.some((key) => isSigning(key) && wanted.includes(key.alg));
  if (!successorSigns) return [];
  return keys
    .filter((key) => !wanted.includes(key.alg))
    .flatMap((key): KeyStep[] => {
      if (isSigning(key)) return [{ kind: "deactivate", kid: key.kid }];
      return isStandby(key) ? [{ kind: "retire", kid: key.kid }] : [];
    });
}

/** B3: keys whose last token has expired leave the JWKS, and their private part is destroyed. */
function retirements(keys: readonly ManagedKey[], now: EpochSeconds, timing: RotationTiming): KeyStep[] {
  return keys
    .filter((key) => isServed(key) && now >= (removableFrom(key, timing) ?? Number.POSITIVE_INFINITY))
    .map((key) => ({ kind: "retire", kid: key.kid }));
}

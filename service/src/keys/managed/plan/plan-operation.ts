import type { EpochSeconds } from "../../../kernel/clock.ts";
import type { Kid } from "../../../kernel/ids.ts";
import type { Algorithm } from "../../algorithm.ts";
import { leadFloorSeconds, leadThroughGraceSeconds } from "../../timing.ts";
import type { KeyStep } from "../key-change.ts";
import type { KeySet } from "../key-store.ts";
import { isServed, isSigning, isStandby, type ManagedKey, removableFrom } from "../managed-key.ts";
import { fleetRules } from "./fleet-rules.ts";
import { fetchesBehind, KEYS_SERVED_MAX, takeOver } from "./plan-rotation.ts";
import type { RotationRules } from "./rotation-rules.ts";
import { readyFrom, servedSeconds } from "./unserved-gap.ts";

/** What an operator asks for. `kid` undefined in `activate`: the ready key of the configured algorithm, which is also the one to `prepare` when `alg` is undefined. */
export type Operation =
  | { readonly kind: "prepare"; readonly alg: Algorithm | undefined }
  /** A key that verifiers know already becomes the first one of a new store, and signs on. */
  | { readonly kind: "import"; readonly alg: Algorithm }
  | { readonly kind: "activate"; readonly kid: Kid | undefined }
  | { readonly kind: "taint"; readonly kid: Kid; readonly reason: string }
  | { readonly kind: "revoke"; readonly kid: Kid; readonly reason: string }
  | { readonly kind: "retire"; readonly kid: Kid }
  /** Every private part is sealed again with the first key-encryption key, and every row tagged with it. */
  | { readonly kind: "reseal" };

/** An outage that an operator may accept by name. */
export type Acceptance =
  /** Verifiers that could not refresh during their grace reject the new key's tokens. */
  | "grace-risk"
  /** Verifiers that hold a cached set reject the new key's tokens until they refresh. */
  | "short-lead"
  /** Known verifiers were not yet served the key. */
  | "verifiers-behind"
  /** Tokens that are still valid are rejected. */
  | "live-tokens";

/** Why an operation is not executed. `accept`: what an operator may accept to have it executed anyway. */
export type OperationRefusal = { readonly kind: "rejected" } & RefusalFacts;

type RefusalFacts =
  | { readonly reason: "unknown_key" | "no_successor" | "not_empty" | "last_key" | "nothing_sealed" }
  /** The key is in no state for this: not a standby key, no longer served, or the one that signs. */
  | { readonly reason: "wrong_state"; readonly state: "not_standby" | "not_served" | "signing" }
  /** No replica signs with the algorithm: rotation would remove the key again. */
  | { readonly reason: "wrong_state"; readonly state: "algorithm_unused"; readonly alg: Algorithm }
  | { readonly reason: "too_many_keys"; readonly alg: Algorithm; readonly served: number }
  /** Some verifiers may not know the key for so long. */
  | {
      readonly reason: "not_ready";
      readonly accept: "short-lead" | "grace-risk";
      readonly servedSeconds: number;
      readonly waitSeconds: number;
    }
  /** Addresses of verifiers that lack the key, and fetches that cannot be distinguished. */
  | {
      readonly reason: "verifiers_behind";
      readonly accept: "verifiers-behind";
      readonly known: readonly string[];
      readonly untracked: readonly {
        readonly address: string;
        readonly fetches: number;
        readonly behindSeconds: number;
      }[];
    }
  | { readonly reason: "live_tokens"; readonly accept: "live-tokens"; readonly liveSeconds: number };

export type OperationPlan =
  | { readonly kind: "planned"; readonly steps: readonly KeyStep[] }
  | OperationRefusal;

/** What an operation would change, or the outage that it would cause. Pure. */
export function planOperation(
  set: KeySet,
  operation: Operation,
  own: RotationRules,
  accepted: ReadonlySet<Acceptance>,
): OperationPlan {
  const rules = fleetRules(own, set);
  if (operation.kind === "prepare") return planPrepare(set, operation.alg ?? rules.alg, rules);
  if (operation.kind === "import") return planImport(set, operation.alg);
  if (operation.kind === "reseal") return planReseal(set);
  if (operation.kind === "activate") return planActivate(set, operation.kid, rules, accepted);
  const key = set.keys.find((candidate) => candidate.kid === operation.kid);
  if (key === undefined) return rejected({ reason: "unknown_key" });
  switch (operation.kind) {
    case "taint":
      return planRemovalFromDuty(
        set,
        key,
        { kind: "taint", kid: key.kid, reason: operation.reason },
        rules,
        accepted,
      );
    case "revoke":
      return planRevoke(set, key, operation.reason, rules, accepted);
    case "retire":
      return planRetire(set, key, rules, accepted);
  }
}

function planPrepare(set: KeySet, alg: Algorithm, rules: RotationRules): OperationPlan {
  if (alg !== rules.alg && !set.replicas.some((replica) => replica.alg === alg)) {
    return rejected({ reason: "wrong_state", state: "algorithm_unused", alg });
  }
  const served = set.keys.filter((key) => key.alg === alg && isServed(key)).length;
  if (served >= KEYS_SERVED_MAX) {
    return rejected({ reason: "too_many_keys", alg, served });
  }
  return planned([{ kind: "make", alg, activate: false }]);
}

/** It may sign at once because verifiers have it from where it was served until now: that holds only for the first key. */
function planImport(set: KeySet, alg: Algorithm): OperationPlan {
  if (set.keys.length > 0) return rejected({ reason: "not_empty" });
  return planned([{ kind: "make", alg, activate: true }]);
}

function planReseal({ keys }: KeySet): OperationPlan {
  const sealed = keys.filter((key) => key.sealed !== undefined);
  if (sealed.length === 0) return rejected({ reason: "nothing_sealed" });
  return planned(sealed.map(({ kid }) => ({ kind: "reseal", kid })));
}

function planActivate(
  set: KeySet,
  kid: Kid | undefined,
  rules: RotationRules,
  accepted: ReadonlySet<Acceptance>,
): OperationPlan {
  const signing = set.keys.find((key) => isSigning(key) && key.alg === rules.alg);
  const candidates = set.keys
    .filter(isStandby)
    .toSorted((one, other) => one.publishedFrom - other.publishedFrom);
  const key =
    kid === undefined
      ? candidates.find((candidate) => candidate.alg === rules.alg)
      : set.keys.find((candidate) => candidate.kid === kid);
  if (key === undefined) return rejected({ reason: kid === undefined ? "no_successor" : "unknown_key" });
  if (!isStandby(key)) return rejected({ reason: "wrong_state", state: "not_standby" });
  const sameAlg =
    signing?.alg === key.alg ? signing : set.keys.find((other) => isSigning(other) && other.alg === key.alg);
  return refuseEarly(set, key, rules, accepted) ?? planned(takeOver(key, sameAlg, rules));
}

/** Why this key may not sign yet: verifiers that do not know it would reject its tokens. */
function refuseEarly(
  set: KeySet,
  key: ManagedKey,
  rules: RotationRules,
  accepted: ReadonlySet<Acceptance>,
): OperationRefusal | undefined {
  if (set.now >= readyFrom(key, set, rules)) return refuseBehind(set, key, rules, accepted);
  const served = servedSeconds(key, set, rules.timing);
  const floor = leadFloorSeconds(rules.timing);
  const safe = Math.min(leadThroughGraceSeconds(rules.timing), rules.leadSeconds);
  if (served < floor && !accepted.has("short-lead")) return notReady("short-lead", served, floor - served);
  if (served < safe && !accepted.has("grace-risk") && !accepted.has("short-lead"))
    return notReady("grace-risk", served, safe - served);
  return refuseBehind(set, key, rules, accepted);
}

/** The verifiers that the gate waits for, including those that it cannot see. */
function refuseBehind(
  set: KeySet,
  key: ManagedKey,
  rules: RotationRules,
  accepted: ReadonlySet<Acceptance>,
): OperationRefusal | undefined {
  if (rules.gate !== "enforce" || accepted.has("verifiers-behind")) return undefined;
  const { verifiers, untracked } = fetchesBehind(set, key, rules);
  if (verifiers.length + untracked.length === 0) return undefined;
  const behindUntil = set.now - leadThroughGraceSeconds(rules.timing);
  return rejected({
    reason: "verifiers_behind",
    accept: "verifiers-behind",
    known: verifiers.map(({ address }) => address),
    untracked: untracked.map(({ address, fetches, seenAt }) => ({
      address,
      fetches,
      behindSeconds: seenAt - behindUntil,
    })),
  });
}

/** Tainting the signing key activates its successor in the same transaction; any other key only can no longer become the signing key. */
function planRemovalFromDuty(
  set: KeySet,
  key: ManagedKey,
  change: KeyStep,
  rules: RotationRules,
  accepted: ReadonlySet<Acceptance>,
): OperationPlan {
  if (!isServed(key)) return rejected({ reason: "wrong_state", state: "not_served" });
  if (!isSigning(key)) return planned([change]);
  const successor = successorOf(set, key, rules, accepted);
  if ("kind" in successor) return successor;
  return planned([change, ...takeOver(successor, undefined, rules)]);
}

function planRevoke(
  set: KeySet,
  key: ManagedKey,
  reason: string,
  rules: RotationRules,
  accepted: ReadonlySet<Acceptance>,
): OperationPlan {
  const othersServed = set.keys.some((other) => isServed(other) && other.kid !== key.kid);
  if (!othersServed) return rejected({ reason: "last_key" });
  return planRemovalFromDuty(set, key, { kind: "revoke", kid: key.kid, reason }, rules, accepted);
}

function planRetire(
  set: KeySet,
  key: ManagedKey,
  rules: RotationRules,
  accepted: ReadonlySet<Acceptance>,
): OperationPlan {
  if (!isServed(key)) return rejected({ reason: "wrong_state", state: "not_served" });
  if (isSigning(key)) return rejected({ reason: "wrong_state", state: "signing" });
  const until: EpochSeconds | undefined = removableFrom(key, rules.timing);
  if (until !== undefined && set.now < until && !accepted.has("live-tokens"))
    return rejected({ reason: "live_tokens", accept: "live-tokens", liveSeconds: until - set.now });
  return planned([{ kind: "retire", kid: key.kid, reason: "retired_by_operator" }]);
}

/** The key that takes over in an emergency: the one that has been served longest. */
function successorOf(
  set: KeySet,
  key: ManagedKey,
  rules: RotationRules,
  accepted: ReadonlySet<Acceptance>,
): ManagedKey | OperationRefusal {
  const [successor] = set.keys
    .filter((other) => other.alg === key.alg && isStandby(other))
    .toSorted(
      (one, other) => servedSeconds(other, set, rules.timing) - servedSeconds(one, set, rules.timing),
    );
  if (successor === undefined) return rejected({ reason: "no_successor" });
  return refuseEarly({ ...set, verifiers: [], untracked: [] }, successor, rules, accepted) ?? successor;
}

function planned(steps: readonly KeyStep[]): OperationPlan {
  return { kind: "planned", steps };
}

function rejected(facts: RefusalFacts): OperationRefusal {
  return { kind: "rejected", ...facts };
}

function notReady(
  accept: "short-lead" | "grace-risk",
  servedSeconds: number,
  waitSeconds: number,
): OperationRefusal {
  return rejected({ reason: "not_ready", accept, servedSeconds, waitSeconds });
}

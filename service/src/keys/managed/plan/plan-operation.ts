import type { EpochSeconds } from "../../../kernel/clock.ts";
import type { Kid } from "../../../kernel/ids.ts";
import type { Algorithm } from "../../algorithm.ts";
import { leadFloorSeconds, leadThroughGraceSeconds } from "../../timing.ts";
import type { KeyStep } from "../key-change.ts";
import type { KeySet, VerifierSighting } from "../key-store.ts";
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
  /** Verifiers that could not refresh during their grace refuse the new key's tokens. */
  | "grace-risk"
  /** Verifiers that hold a cached set refuse the new key's tokens until they refresh. */
  | "short-lead"
  /** Known verifiers were not yet served the key. */
  | "verifiers-behind"
  /** Tokens that are still alive are refused. */
  | "live-tokens";

/** Why an operation is not carried out; `outage` is what it would have done, `accept` how to have it all the same. */
export interface OperationRefusal {
  readonly kind: "refused";
  readonly reason:
    | "unknown_key"
    | "wrong_state"
    | "no_successor"
    | "not_empty"
    | "not_ready"
    | "too_many_keys"
    | "verifiers_behind"
    | "live_tokens"
    | "last_key"
    | "nothing_sealed";
  readonly outage: string;
  readonly accept?: Acceptance;
}

export type OperationPlan =
  | { readonly kind: "planned"; readonly steps: readonly KeyStep[] }
  | OperationRefusal;

/** What an operation would change, or the outage that it would be. Pure. */
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
  if (key === undefined)
    return refused("unknown_key", "no key of the set has this kid; see: macp-auth keys list");
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
    return refused(
      "wrong_state",
      `no replica is configured for ${alg}, so the key would be taken out again; set MACP_AUTH_SIGNING_ALG=${alg}, and the change is a rotation by itself`,
    );
  }
  const served = set.keys.filter((key) => key.alg === alg && isServed(key)).length;
  if (served >= KEYS_SERVED_MAX) {
    return refused(
      "too_many_keys",
      `the JWKS already holds ${String(served)} keys for ${alg}, and verifiers try each of them; wait until one retires`,
    );
  }
  return planned([{ kind: "make", alg, activate: false }]);
}

/** It may sign at once because verifiers have it from where it was served until now: that is so for the first key alone. */
function planImport(set: KeySet, alg: Algorithm): OperationPlan {
  if (set.keys.length > 0) {
    return refused(
      "not_empty",
      "the store has keys already, and a key beside them would sign before verifiers know those; import into a new store, before a service uses it",
    );
  }
  return planned([{ kind: "make", alg, activate: true }]);
}

function planReseal({ keys }: KeySet): OperationPlan {
  const sealed = keys.filter((key) => key.sealed !== undefined);
  if (sealed.length === 0)
    return refused("nothing_sealed", "the store holds no private key yet; there is nothing to encrypt again");
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
  if (key === undefined) {
    return kid === undefined
      ? refused("no_successor", "no key stands by; make one with: macp-auth keys prepare")
      : refused("unknown_key", "no key of the set has this kid; see: macp-auth keys list");
  }
  if (!isStandby(key))
    return refused("wrong_state", "only a key that stands by can be activated; see: macp-auth keys list");
  const sameAlg =
    signing?.alg === key.alg ? signing : set.keys.find((other) => isSigning(other) && other.alg === key.alg);
  return refuseEarly(set, key, rules, accepted) ?? planned(takeOver(key, sameAlg, rules));
}

/** Why this key may not sign yet: verifiers that do not know it would refuse its tokens. */
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
  if (served < floor && !accepted.has("short-lead")) {
    const outage = `the key has been served for ${String(served)} s; verifiers that cached the set before refuse its tokens for up to ${String(floor - served)} s more`;
    return { ...refused("not_ready", outage), accept: "short-lead" };
  }
  if (served < safe && !accepted.has("grace-risk") && !accepted.has("short-lead")) {
    const outage = `the key has been served for ${String(served)} s; a verifier that has not refreshed since then refuses its tokens until it does, up to ${String(safe - served)} s more`;
    return { ...refused("not_ready", outage), accept: "grace-risk" };
  }
  return refuseBehind(set, key, rules, accepted);
}

/** Which verifiers the gate waits for, those included that it cannot see. */
function refuseBehind(
  set: KeySet,
  key: ManagedKey,
  rules: RotationRules,
  accepted: ReadonlySet<Acceptance>,
): OperationRefusal | undefined {
  if (rules.gate !== "enforce" || accepted.has("verifiers-behind")) return undefined;
  const { verifiers, untracked } = fetchesBehind(set, key, rules);
  const outages = [
    ...(verifiers.length > 0
      ? [
          `${String(verifiers.length)} known verifiers have not fetched the set with this key and would reject its tokens: ${namesOf(verifiers)}`,
        ]
      : []),
    ...untracked.map(
      ({ address, fetches, seenAt }) =>
        `${String(fetches)} fetches, the last from ${address}, came from untracked verifiers, which may lack the key; they count as behind for ${String(leadThroughGraceSeconds(rules.timing) - (set.now - seenAt))} s more`,
    ),
  ];
  return outages.length === 0
    ? undefined
    : { ...refused("verifiers_behind", outages.join("; ")), accept: "verifiers-behind" };
}

/** Tainting the signing key activates its successor in the same transaction; any other key just loses its turn. */
function planRemovalFromDuty(
  set: KeySet,
  key: ManagedKey,
  change: KeyStep,
  rules: RotationRules,
  accepted: ReadonlySet<Acceptance>,
): OperationPlan {
  if (!isServed(key))
    return refused("wrong_state", "the key is no longer served; there is nothing left to do");
  if (!isSigning(key)) return planned([change]);
  const successor = successorOf(set, key, rules, accepted);
  if ("outage" in successor) return successor;
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
  if (!othersServed) {
    return refused(
      "last_key",
      "it is the only key of the JWKS, and an empty JWKS makes verifiers keep the old one; first: macp-auth keys prepare",
    );
  }
  return planRemovalFromDuty(set, key, { kind: "revoke", kid: key.kid, reason }, rules, accepted);
}

function planRetire(
  set: KeySet,
  key: ManagedKey,
  rules: RotationRules,
  accepted: ReadonlySet<Acceptance>,
): OperationPlan {
  if (!isServed(key)) return refused("wrong_state", "the key has already left the JWKS");
  if (isSigning(key))
    return refused("wrong_state", "the key signs; activate another one first: macp-auth keys rotate");
  const until: EpochSeconds | undefined = removableFrom(key, rules.timing);
  if (until !== undefined && set.now < until && !accepted.has("live-tokens")) {
    const outage = `tokens signed with it may live for ${String(until - set.now)} s more and would be refused`;
    return { ...refused("live_tokens", outage), accept: "live-tokens" };
  }
  return planned([{ kind: "retire", kid: key.kid, reason: "retired by hand" }]);
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
  if (successor === undefined)
    return refused("no_successor", "no key stands by to sign in its place; first: macp-auth keys prepare");
  return refuseEarly({ ...set, verifiers: [], untracked: [] }, successor, rules, accepted) ?? successor;
}

function namesOf(verifiers: readonly VerifierSighting[]): string {
  return verifiers.map((verifier) => verifier.address).join(", ");
}

function planned(steps: readonly KeyStep[]): OperationPlan {
  return { kind: "planned", steps };
}

function refused(reason: OperationRefusal["reason"], outage: string): OperationRefusal {
  return { kind: "refused", reason, outage };
}

import type { Kid } from "../../../kernel/ids.ts";
import { leadFloorSeconds, leadThroughGraceSeconds } from "../../timing.ts";
import type { KeySet } from "../key-store.ts";
import { canSign, isStandby } from "../managed-key.ts";
import { fleetRules } from "./fleet-rules.ts";
import type { Acceptance } from "./plan-operation.ts";
import type { RotationRules } from "./rotation-rules.ts";
import { readyFrom, servedSeconds } from "./unserved-gap.ts";

/** Which standby key a set in which no key may sign waits for, and what it would cost not to wait. */
export interface SigningWait {
  readonly kid: Kid;
  /** Until every verifier knows the key, and it starts to sign; 0 when something other than time delays it. */
  readonly seconds: number;
  /** What ends the wait now; `undefined` when there is no cost to accept. */
  readonly accept: Acceptance | undefined;
  /** How long verifiers that refresh on time would reject its tokens at most. */
  readonly refreshingSeconds: number;
  /** How long verifiers that cannot refresh would reject them at most. */
  readonly inGraceSeconds: number;
}

/** What a set waits for in which no key may sign; `undefined` while one may, and when there is no standby key. Pure. */
export function signingWait(set: KeySet, own: RotationRules): SigningWait | undefined {
  const rules = fleetRules(own, set);
  const standby = set.keys.filter(isStandby);
  if (standby.length === 0 || set.keys.some((key) => canSign(key, set.now))) return undefined;
  const next = standby.reduce((one, other) =>
    readyFrom(other, set, rules) < readyFrom(one, set, rules) ? other : one,
  );
  const seconds = Math.max(0, readyFrom(next, set, rules) - set.now);
  const served = servedSeconds(next, set, rules.timing);
  const short = (bound: number): number => (seconds === 0 ? 0 : Math.max(0, bound - served));
  const refreshingSeconds = short(leadFloorSeconds(rules.timing));
  const inGraceSeconds = short(leadThroughGraceSeconds(rules.timing));
  return {
    kid: next.kid,
    seconds,
    accept: refreshingSeconds > 0 ? "short-lead" : inGraceSeconds > 0 ? "grace-risk" : undefined,
    refreshingSeconds,
    inGraceSeconds,
  };
}

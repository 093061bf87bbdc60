import type { EpochSeconds } from "../kernel/clock.ts";
import type { Kid } from "../kernel/ids.ts";

/** What a key is doing, in the order in which keys are shown. All but the last two are in the JWKS; one signs. */
export const KEY_STATES = ["signing", "standby", "tainted", "retiring", "revoked", "retired"] as const;

/**
 * `standby`: served, has not signed yet. `signing`. `retiring`: served for its last tokens, no longer signs. `retired`: gone.
 * A managed key may also be `tainted`: like retiring, because an operator suspects it; or `revoked`: gone before its last
 * token expired.
 */
export type KeyState = (typeof KEY_STATES)[number];

/**
 * The moments that decide what a key does, each named after what is true from then on; `undefined` means not yet, or not
 * planned. The state is computed from them and never stored, so no job has to flip a flag on time.
 */
export interface KeyMoments {
  readonly kid: Kid;
  readonly publishedFrom: EpochSeconds;
  readonly signingFrom: EpochSeconds | undefined;
  readonly retiringFrom: EpochSeconds | undefined;
  readonly taintedFrom?: EpochSeconds | undefined;
  readonly revokedFrom?: EpochSeconds | undefined;
  readonly retiredFrom: EpochSeconds | undefined;
}

/** The state of a key at `now`, in seconds. */
export function stateAt(key: KeyMoments, now: number): KeyState {
  const has = (moment: EpochSeconds | undefined): boolean => moment !== undefined && moment <= now;
  if (has(key.revokedFrom)) return "revoked";
  if (has(key.retiredFrom)) return "retired";
  if (has(key.taintedFrom)) return "tainted";
  if (has(key.retiringFrom)) return "retiring";
  return has(key.signingFrom) ? "signing" : "standby";
}

/** Whether verifiers find a key of this state in the JWKS. */
export function isServedIn(state: KeyState): boolean {
  return state !== "revoked" && state !== "retired";
}

/**
 * The keys of the JWKS at `now` in the best order for verifiers: the signing key, then standby keys, then retiring keys, newest
 * first; ties by kid, so that equal sets render alike. A verifier tries the keys in this order when it does not know a kid.
 */
export function servedAt<Key extends KeyMoments>(keys: readonly Key[], now: number): readonly Key[] {
  const rank = (key: Key): number => Math.min(KEY_STATES.indexOf(stateAt(key, now)), 2);
  return keys
    .filter((key) => isServedIn(stateAt(key, now)))
    .toSorted(
      (one, other) =>
        rank(one) - rank(other) ||
        (other.retiringFrom ?? 0) - (one.retiringFrom ?? 0) ||
        (one.kid < other.kid ? -1 : 1),
    );
}

import type { EpochSeconds } from "../../kernel/clock.ts";
import type { Algorithm } from "../algorithm.ts";
import { type KeyMoments, stateAt } from "../key-state.ts";
import type { PublicJwk } from "../public-jwk.ts";

/** One key that was given, and its moments: publishedFrom ≤ signingFrom ≤ retiringFrom ≤ retiredFrom, as far as they are planned. */
export interface KeyRecord extends KeyMoments {
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
  readonly thumbprint: string;
}

/** All key records, in the order in which they came. */
export type KeyRing = readonly KeyRecord[];

/** The key that signs at `now`: the one that began last. `undefined` when none may sign. */
export function signingKeyAt(ring: KeyRing, now: EpochSeconds): KeyRecord | undefined {
  return ring
    .filter((record) => stateAt(record, now) === "signing")
    .toSorted((one, other) => (other.signingFrom ?? 0) - (one.signingFrom ?? 0))[0];
}

/** The next moment after `now` at which some key changes its state, or `undefined` when none is planned. */
export function nextChangeAfter(ring: KeyRing, now: EpochSeconds): EpochSeconds | undefined {
  return ring
    .flatMap((record) => [record.signingFrom, record.retiringFrom, record.retiredFrom])
    .filter((moment) => moment !== undefined && moment > now)
    .reduce((next, moment) => (next === undefined || (moment ?? next) < next ? moment : next), undefined);
}

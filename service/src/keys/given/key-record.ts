import type { EpochSeconds } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import type { Algorithm } from "../algorithm.ts";
import type { PublicJwk } from "../import/import-key.ts";

/**
 * One key and the moments that decide what it may do. Its state is computed from the clock and never stored, so no job has
 * to flip a flag on time: published ≤ active ≤ retired ≤ removed, each from its moment on, `undefined` meaning not planned.
 */
export interface KeyRecord {
  readonly kid: Kid;
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
  readonly thumbprint: string;
  readonly publishedFrom: EpochSeconds;
  readonly activeFrom: EpochSeconds | undefined;
  readonly retiredFrom: EpochSeconds | undefined;
  readonly removedFrom: EpochSeconds | undefined;
}

/** All key records, in the order in which they came. */
export type KeyRing = readonly KeyRecord[];

/** What a key is doing at a moment. A `standby` key is served and does not sign (yet, or ever). */
export type KeyState = "standby" | "active" | "retired" | "removed";

/** The state of one key at `now`. */
export function stateAt(record: KeyRecord, now: EpochSeconds): KeyState {
  if (record.removedFrom !== undefined && record.removedFrom <= now) return "removed";
  if (record.retiredFrom !== undefined && record.retiredFrom <= now) return "retired";
  return record.activeFrom !== undefined && record.activeFrom <= now ? "active" : "standby";
}

/** The key that signs at `now`: the one that became active last. `undefined` when none may sign. */
export function signingKeyAt(ring: KeyRing, now: EpochSeconds): KeyRecord | undefined {
  return ring
    .filter((record) => stateAt(record, now) === "active")
    .reduce<KeyRecord | undefined>(
      (best, record) =>
        best === undefined || (record.activeFrom ?? 0) > (best.activeFrom ?? 0) ? record : best,
      undefined,
    );
}

/**
 * What the JWKS shows at `now`, in the order that serves verifiers best: the signing key, then the standby keys, then the
 * retired ones, newest first. (A verifier tries the keys in order when a token's kid is unknown to it.)
 */
export function servedAt(ring: KeyRing, now: EpochSeconds): readonly KeyRecord[] {
  const signing = signingKeyAt(ring, now);
  const rank = (record: KeyRecord): number =>
    record === signing ? 0 : stateAt(record, now) === "retired" ? 2 : 1;
  return ring
    .filter((record) => record.publishedFrom <= now && stateAt(record, now) !== "removed")
    .toSorted((one, other) => rank(one) - rank(other) || (other.retiredFrom ?? 0) - (one.retiredFrom ?? 0));
}

/** The next moment after `now` at which some key changes its state, or `undefined` when none is planned. */
export function nextChangeAfter(ring: KeyRing, now: EpochSeconds): EpochSeconds | undefined {
  const moments = ring.flatMap((record) => [
    record.publishedFrom,
    record.activeFrom,
    record.retiredFrom,
    record.removedFrom,
  ]);
  return moments.reduce<EpochSeconds | undefined>(
    (next, moment) =>
      moment !== undefined && moment > now && (next === undefined || moment < next) ? moment : next,
    undefined,
  );
}

import type { EpochSeconds } from "../../kernel/clock.ts";
import type { IssuerEntry } from "../declared/registry.ts";
import type { ForeignAlgorithm } from "../foreign/foreign-key.ts";
import type { SkipReason } from "../foreign/read-foreign-key.ts";
import { type ForeignKeySet, readKeySet } from "../foreign/read-key-set.ts";
import { type KeysFailureReason, useOf } from "./fetch-keys.ts";
import { type Attempts, type Lifetime, NO_ATTEMPTS } from "./freshness.ts";
import { MissingKids } from "./missing-kids.ts";

/** A key set that is in use. */
export interface Known extends Lifetime {
  readonly keySet: ForeignKeySet;
  /** The document that it was read from. */
  readonly text: string;
  /** `undefined`: it was not fetched, but is pinned. */
  readonly fetchedAt: EpochSeconds | undefined;
}

/** The last attempt, when it failed. */
export interface LastFailure {
  readonly reason: KeysFailureReason;
  readonly status: number | undefined;
  readonly at: EpochSeconds;
}

/** All that is remembered of one issuer. */
export interface IssuerState {
  entry: IssuerEntry;
  /** Changes with the keys; no two states ever have the same. */
  generation: number;
  known: Known | undefined;
  attempts: Attempts;
  /** Of the newest SPIFFE bundle. */
  sequence: number | undefined;
  lastFailure: LastFailure | undefined;
  readonly missing: MissingKids;
  /** The one fetch that is under way. */
  flight: Promise<void> | undefined;
  /** How many wait for it. */
  waiting: number;
}

/** What an operator sees of the keys of one issuer. */
export interface IssuerStatus {
  readonly name: string;
  readonly issuer: string;
  readonly place: IssuerEntry["keys"]["kind"];
  /** `not_asked`: no key was needed yet. `unavailable`: its tokens are rejected. */
  readonly state: "not_asked" | "fresh" | "stale" | "unavailable";
  readonly keys: readonly {
    readonly kid: string | undefined;
    readonly algorithms: readonly ForeignAlgorithm[];
  }[];
  /** Why other keys of the set are not used. */
  readonly skipped: readonly SkipReason[];
  readonly fetchedAt: EpochSeconds | undefined;
  readonly lastFailure: LastFailure | undefined;
}

const NEVER = Number.POSITIVE_INFINITY;

/** The state of an issuer that nobody has asked. Pinned keys are known from the start, and never fetched. */
export function newState(entry: IssuerEntry, generation: number): IssuerState {
  const state = {
    entry,
    generation,
    sequence: undefined,
    lastFailure: undefined,
    missing: new MissingKids(),
    flight: undefined,
    waiting: 0,
  };
  if (entry.keys.kind !== "pinned") return { ...state, known: undefined, attempts: NO_ATTEMPTS };
  return {
    ...state,
    known: pinned(entry.keys.document, entry),
    attempts: { failures: 0, retryAt: NEVER, cooldownUntil: NEVER },
  };
}

/** Whether two entries lead to the same keys. */
export function haveSameKeys(one: IssuerEntry, other: IssuerEntry): boolean {
  const sourceOf = ({ issuer, preset, keys }: IssuerEntry): string => JSON.stringify([issuer, preset, keys]);
  return one === other || sourceOf(one) === sourceOf(other);
}

/** Whether the key id is in the set, for whichever algorithm. */
export function hasKid(known: Known | undefined, kid: string): boolean {
  return known?.keySet.keys.some((key) => key.kid === kid) ?? false;
}

/**
 * Whether the known keys say something of a token with this key id now: they are fresh, so that an id which is not among them was most
 * likely made up, or they are usable and have it.
 */
export function canJudge(known: Known | undefined, kid: string | undefined, now: number): boolean {
  if (known === undefined || now >= known.usableUntil) return false;
  return now < known.freshUntil || kid === undefined || hasKid(known, kid);
}

/** What an operator sees of a state at a moment of the stopwatch. */
export function statusOf({ entry, known, lastFailure }: IssuerState, now: number): IssuerStatus {
  const usable = known !== undefined && now < known.usableUntil ? known : undefined;
  return {
    name: entry.name,
    issuer: entry.issuer,
    place: entry.keys.kind,
    state: nameOfState(usable, known !== undefined || lastFailure !== undefined, now),
    keys: (usable?.keySet.keys ?? []).map(({ kid, algorithms }) => ({ kid, algorithms })),
    skipped: usable?.keySet.skipped ?? [],
    fetchedAt: usable?.fetchedAt,
    lastFailure,
  };
}

function nameOfState(usable: Known | undefined, wasAsked: boolean, now: number): IssuerStatus["state"] {
  if (usable === undefined) return wasAsked ? "unavailable" : "not_asked";
  return now < usable.freshUntil ? "fresh" : "stale";
}

/** `undefined`: the text is no key set. The configuration is checked when it is loaded. */
function pinned(text: string, entry: IssuerEntry): Known | undefined {
  const keySet = readKeySet(text, useOf(entry));
  if (typeof keySet === "string") return undefined;
  return { keySet, text, fetchedAt: undefined, dueAt: NEVER, freshUntil: NEVER, usableUntil: NEVER };
}

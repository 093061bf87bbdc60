import type { Clock, EpochSeconds } from "../../kernel/clock.ts";
import { latest } from "../../kernel/clock.ts";
import { printable } from "../../kernel/printable.ts";
import type { JwksFetches, UntrackedFetches, VerifierSighting } from "./key-store.ts";

/** How many verifiers are remembered; beyond that the one that was seen longest ago is forgotten. */
export const VERIFIERS_MAX = 1_000;
const USER_AGENT_CHARS_MAX = 120;
/** How many User-Agents of one address are tracked. */
export const AGENTS_PER_ADDRESS_MAX = 8;
/** For how many versions of the set untracked fetches are counted. */
const UNTRACKED_MAX = 8;

/** A sighting while it is still being added to. */
type Tally = { -readonly [Member in keyof VerifierSighting]: VerifierSighting[Member] };

/** Records who fetched which version of the JWKS. In memory between two beats, and bounded. */
export class VerifierLog {
  readonly #clock: Clock;
  /** By address and then by User-Agent. */
  #fresh = new Map<string, Map<string, Tally>>();
  #freshCount = 0;
  #untracked: readonly UntrackedFetches[] = [];
  readonly #lastFetch = new Map<string, EpochSeconds>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records one fetch. `userAgent` is text from outside: cut short and made printable. */
  note(address: string, userAgent: string | undefined, version: number): void {
    const agent = userAgent === undefined ? "" : printable(userAgent.slice(0, USER_AGENT_CHARS_MAX));
    const now = this.#clock.now();
    const known = this.#fresh.get(address)?.get(agent);
    if (known === undefined) {
      this.#begin({ address, userAgent: agent, version, seenAt: now });
      return;
    }
    known.fetches += 1;
    known.version = Math.max(version, known.version);
    known.minIntervalSeconds = smaller(known.minIntervalSeconds, now - known.seenAt);
    if (now === known.seenAt) return;
    known.seenAt = now;
    this.#remember(known);
  }

  /** Adds back fetches that could not be reported. */
  putBack(taken: JwksFetches): void {
    const { verifiers, untracked } = mergeFetches(taken, this.take());
    for (const sighting of verifiers) this.#add(sighting);
    this.#untracked = untracked;
  }

  /** The fetches since the last take. */
  take(): JwksFetches {
    const verifiers = [...this.#fresh.values()].flatMap((ofAddress) => [...ofAddress.values()]);
    const taken = { verifiers, untracked: this.#untracked };
    this.#fresh = new Map();
    this.#freshCount = 0;
    this.#untracked = [];
    return taken;
  }

  #begin(first: Pick<VerifierSighting, "address" | "userAgent" | "version" | "seenAt">): void {
    // One client that changes its name at each fetch must not displace the others.
    const ofAddress = this.#fresh.get(first.address)?.size ?? 0;
    if (this.#freshCount >= VERIFIERS_MAX || ofAddress >= AGENTS_PER_ADDRESS_MAX) {
      const { address, version, seenAt } = first;
      this.#untracked = mergeUntracked(this.#untracked, [{ address, version, seenAt, fetches: 1 }]);
      return;
    }
    const before = this.#lastFetch.get(keyOf(first));
    const minIntervalSeconds = before === undefined ? undefined : first.seenAt - before;
    this.#add({ ...first, minIntervalSeconds, fetches: 1 });
    this.#remember(first);
  }

  #add(sighting: VerifierSighting): void {
    const ofAddress = this.#fresh.get(sighting.address) ?? new Map<string, Tally>();
    ofAddress.set(sighting.userAgent, { ...sighting });
    this.#fresh.set(sighting.address, ofAddress);
    this.#freshCount += 1;
  }

  #remember(seen: Pick<VerifierSighting, "address" | "userAgent" | "seenAt">): void {
    const key = keyOf(seen);
    this.#lastFetch.delete(key);
    this.#lastFetch.set(key, seen.seenAt);
    const [oldest] = this.#lastFetch.keys();
    if (this.#lastFetch.size > VERIFIERS_MAX && oldest !== undefined) this.#lastFetch.delete(oldest);
  }
}

/**
 * Known fetches with fresh ones folded in: of each verifier the newest version and time, the shortest interval, the sum of
 * fetches. Verifiers beyond the bounds, those seen longest ago, become untracked: what they were served is not forgotten.
 */
export function mergeFetches(known: JwksFetches, fresh: JwksFetches): JwksFetches {
  const merged = new Map(known.verifiers.map((sighting) => [keyOf(sighting), sighting]));
  for (const sighting of fresh.verifiers) {
    const before = merged.get(keyOf(sighting));
    merged.set(keyOf(sighting), before === undefined ? sighting : mergeTwo(before, sighting));
  }
  const latestFirst = [...merged.values()].toSorted((one, other) => other.seenAt - one.seenAt);
  const verifiers = fewOfEachAddress(latestFirst).slice(0, VERIFIERS_MAX);
  const kept = new Set(verifiers);
  const cut = latestFirst.filter((sighting) => !kept.has(sighting));
  return { verifiers, untracked: mergeUntracked(known.untracked, [...fresh.untracked, ...cut]) };
}

/** Folds fetches of one version into one entry; beyond the bound the two oldest versions become the older of them. */
function mergeUntracked(
  known: readonly UntrackedFetches[],
  fresh: readonly UntrackedFetches[],
): readonly UntrackedFetches[] {
  const byVersion = new Map(known.map((one) => [one.version, one]));
  for (const one of fresh) byVersion.set(one.version, untrackedOf(byVersion.get(one.version), one));
  const [oldest, next, ...newer] = [...byVersion.values()].toSorted(
    (one, other) => one.version - other.version,
  );
  if (oldest === undefined || next === undefined || byVersion.size <= UNTRACKED_MAX)
    return [...byVersion.values()];
  return mergeUntracked([], [{ ...untrackedOf(oldest, next), version: oldest.version }, ...newer]);
}

function untrackedOf(before: UntrackedFetches | undefined, fresh: UntrackedFetches): UntrackedFetches {
  const { address, seenAt } = before !== undefined && before.seenAt > fresh.seenAt ? before : fresh;
  return { version: fresh.version, address, seenAt, fetches: (before?.fetches ?? 0) + fresh.fetches };
}

/** One client that changes its name at each fetch must not displace the others, also over many beats. */
function fewOfEachAddress(latestFirst: readonly VerifierSighting[]): readonly VerifierSighting[] {
  const counts = new Map<string, number>();
  return latestFirst.filter(({ address }) => {
    const count = (counts.get(address) ?? 0) + 1;
    counts.set(address, count);
    return count <= AGENTS_PER_ADDRESS_MAX;
  });
}

function mergeTwo(before: VerifierSighting, fresh: VerifierSighting): VerifierSighting {
  return {
    ...fresh,
    version: Math.max(before.version, fresh.version),
    seenAt: latest(before.seenAt, fresh.seenAt),
    minIntervalSeconds: smaller(before.minIntervalSeconds, fresh.minIntervalSeconds),
    fetches: before.fetches + fresh.fetches,
  };
}

function keyOf({ address, userAgent }: Pick<VerifierSighting, "address" | "userAgent">): string {
  return `${address} ${userAgent}`;
}

function smaller(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

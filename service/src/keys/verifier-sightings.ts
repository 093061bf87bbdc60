import type { Clock, EpochSeconds } from "../kernel/clock.ts";
import { latest } from "../kernel/clock.ts";
import { printable } from "../kernel/printable.ts";
import type { VerifierSighting } from "./key-store.ts";

/** How many verifiers are remembered; beyond that the one that was seen longest ago is forgotten. */
export const VERIFIERS_MAX = 1_000;
const USER_AGENT_CHARS_MAX = 120;
/** How many User-Agents of one address are told apart between two beats. */
const AGENTS_PER_ADDRESS_MAX = 8;

/** Notes who fetched which version of the JWKS. Kept in memory between two beats; bounded, whoever asks. */
export class VerifierLog {
  readonly #clock: Clock;
  #fresh = new Map<string, VerifierSighting>();
  readonly #lastFetch = new Map<string, EpochSeconds>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes one fetch. `userAgent` is a stranger's text: cut short and made printable. */
  note(address: string, userAgent: string | undefined, version: number): void {
    const agent = printable((userAgent ?? "").slice(0, USER_AGENT_CHARS_MAX));
    const key = `${address} ${agent}`;
    const now = this.#clock.now();
    const known = this.#fresh.get(key);
    if (known === undefined && !this.#hasRoomFor(address)) return;
    const before = this.#lastFetch.get(key);
    const interval = before === undefined ? undefined : now - before;
    this.#remember(key, now);
    this.#fresh.set(key, {
      address,
      userAgent: agent,
      version: Math.max(version, known?.version ?? 0),
      seenAt: now,
      minIntervalSeconds: smaller(interval, known?.minIntervalSeconds),
      fetches: (known?.fetches ?? 0) + 1,
    });
  }

  /** Puts back what was taken and could not be told. */
  giveBack(taken: readonly VerifierSighting[]): void {
    const merged = mergeSightings(taken, [...this.#fresh.values()]);
    this.#fresh = new Map(merged.map((sighting) => [keyOf(sighting), sighting]));
  }

  /** One client that changes its name at each fetch must not crowd the others out. */
  #hasRoomFor(address: string): boolean {
    if (this.#fresh.size >= VERIFIERS_MAX) return false;
    const ofAddress = [...this.#fresh.values()].filter((sighting) => sighting.address === address).length;
    return ofAddress < AGENTS_PER_ADDRESS_MAX;
  }

  /** The fetches since the last take. */
  take(): readonly VerifierSighting[] {
    const taken = [...this.#fresh.values()];
    this.#fresh = new Map();
    return taken;
  }

  #remember(key: string, now: EpochSeconds): void {
    this.#lastFetch.delete(key);
    this.#lastFetch.set(key, now);
    const [oldest] = this.#lastFetch.keys();
    if (this.#lastFetch.size > VERIFIERS_MAX && oldest !== undefined) this.#lastFetch.delete(oldest);
  }
}

/** Known sightings with fresh ones folded in: the newest version and time, the shortest interval, the sum of fetches. */
export function mergeSightings(
  known: readonly VerifierSighting[],
  fresh: readonly VerifierSighting[],
): readonly VerifierSighting[] {
  if (fresh.length === 0) return known;
  const merged = new Map(known.map((sighting) => [keyOf(sighting), sighting]));
  for (const sighting of fresh) {
    const before = merged.get(keyOf(sighting));
    merged.set(keyOf(sighting), before === undefined ? sighting : mergeTwo(before, sighting));
  }
  return [...merged.values()].toSorted((one, other) => other.seenAt - one.seenAt).slice(0, VERIFIERS_MAX);
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

function keyOf({ address, userAgent }: VerifierSighting): string {
  return `${address} ${userAgent}`;
}

function smaller(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

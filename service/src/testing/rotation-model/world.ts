import { anyone } from "../../callers/anyone.ts";
import {
  after,
  clockOf,
  type EpochMs,
  type EpochSeconds,
  epochMs,
  epochSeconds,
} from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import { systemTimers } from "../../kernel/timers.ts";
import type { Algorithm } from "../../keys/algorithm.ts";
import type { KeyCustody } from "../../keys/custody/custody.ts";
import type { ImportedKey } from "../../keys/import/import-key.ts";
import type { KeyDirectory } from "../../keys/key-directory.ts";
import type { KeySetDeps } from "../../keys/managed/change-key-set.ts";
import type { KeyStore } from "../../keys/managed/key-store.ts";
import { ManagedKeys, type ManagedKeysDeps } from "../../keys/managed/managed-keys.ts";
import { operate } from "../../keys/managed/operate.ts";
import type { Acceptance, Operation } from "../../keys/managed/plan/plan-operation.ts";
import type { RotationRules } from "../../keys/managed/plan/rotation-rules.ts";
import { rotationRound, wholeRound } from "../../keys/managed/round.ts";
import { leadFloorSeconds, leadThroughGraceSeconds, type RotationTiming } from "../../keys/timing.ts";
import { NO_POLICY } from "../../tokens/entitlement.ts";
import { mint } from "../../tokens/mint.ts";
import { apartCustody } from "../custodies.ts";
import { countingRandom, mintRequest } from "../mint-deps.ts";
import { RuntimeDouble } from "../runtime-double/runtime-double.ts";
import { testKey } from "../test-keys.ts";
import { Invariants, type Promised } from "./invariants.ts";
import { ModelStore, StoreLink } from "./store.ts";

/** Every bound scaled down: B1 is 16 s, B2 36 s, B3 14 s, B4 15 and 35 s. */
const MODEL_TIMING: RotationTiming = {
  maxTtlSeconds: 8,
  jwksMaxAgeSeconds: 2,
  verifierTtlSeconds: 10,
  verifierGraceSeconds: 20,
  replicaLagSeconds: 2,
  fetchSeconds: 1,
  clockSkewSeconds: 1,
  expLeewaySeconds: 2,
  verifierClockSeconds: 1,
};
const ISSUER = { issuer: "issuer", audience: "audience" };

/** How one run is set up. */
export interface WorldSettings {
  /** B1: the promise is to verifiers that refresh on time. B2: also to those that live on their grace. */
  readonly lead: "B1" | "B2";
  /** `short`: over before a successor is ready, so that only the lead decides when it takes over. */
  readonly period: "short" | "long";
  readonly gate: RotationRules["gate"];
  /** The replicas at the start. The first one makes the first keys. */
  readonly seats: readonly { readonly maxTtlSeconds: number; readonly lazy: boolean }[];
  /** Whether a verifier holds on to old sets from the start on. */
  readonly stretch: boolean;
}

/** Small changes of the code under test that must not go unnoticed. An empty one is the code as it is. */
export interface Mutation {
  rules?(rules: RotationRules): RotationRules;
  /** The store as rotation sees it. */
  rotationStore?(store: KeyStore, seat: Seat): KeyStore;
  /** The store as a replica's view of the keys sees it. */
  viewStore?(store: KeyStore): KeyStore;
  keysDeps?(deps: ManagedKeysDeps): ManagedKeysDeps;
  directory?(keys: ManagedKeys): KeyDirectory;
  makeKey?(make: KeyMaker): KeyMaker;
  /** A replica plans on whatever set it loads. */
  readonly plansBlindly?: boolean;
  /** A replica that finds an older store forgets what it saw. */
  readonly forgets?: boolean;
  /** Operators' commands are executed whatever they accepted. */
  readonly acceptsAll?: boolean;
  /** The promises that are checked; all when left out. */
  readonly only?: readonly Promised[];
}
export type KeyMaker = (alg: Algorithm) => Promise<ImportedKey>;

/** Where a replica runs; the replica in it may crash and start again. */
export class Seat {
  up = true;
  /** Renews its lease at the last moment only, and does not rotate. */
  lazy: boolean;
  skewSeconds = 0;
  maxTtlSeconds: number;
  alg: Algorithm = "ES256";
  /** Whether its last round, in this second, went well. */
  kept = false;
  /** A slow beat that is under way: the next round waits for it. */
  beating: Promise<void> | undefined;
  lives = 0;
  readonly name: string;
  readonly #world: World;
  #life: Life;

  constructor(world: World, name: string, { maxTtlSeconds, lazy }: WorldSettings["seats"][number]) {
    this.#world = world;
    this.name = name;
    this.maxTtlSeconds = maxTtlSeconds;
    this.lazy = lazy;
    this.#life = this.#newLife(0);
  }

  get link(): StoreLink {
    return this.#life.link;
  }
  get keys(): ManagedKeys {
    return this.#life.keys;
  }
  get directory(): KeyDirectory {
    return this.#life.directory;
  }
  get rotation(): KeySetDeps {
    return this.#life.rotation;
  }
  now(): EpochSeconds {
    return after(this.#world.now(), this.skewSeconds);
  }
  nowMs(): EpochMs {
    return epochMs(this.now() * 1_000);
  }

  /** Ends this life and begins another, which knows what it saw from its version file. */
  restart(versionSeen = this.keys.versionSeen): void {
    const { connected, standby } = this.link;
    this.lives += 1;
    this.up = true;
    this.beating = undefined;
    this.#life = this.#newLife(versionSeen);
    this.link.connected = connected;
    this.link.standby = standby;
  }

  #newLife(versionSeen: number): Life {
    const { mutation, settings } = this.#world;
    const link = new StoreLink(this.#world, versionSeen);
    const timing = { ...MODEL_TIMING, maxTtlSeconds: this.maxTtlSeconds };
    const configured: RotationRules = {
      alg: this.alg,
      periodSeconds: this.#world.periodSeconds,
      leadSeconds: this.#world.leadSeconds,
      timing,
      gate: settings.gate,
    };
    // A replica reports what it runs with, a fault of its settings included.
    const rules = mutation.rules?.(configured) ?? configured;
    const keysDeps: ManagedKeysDeps = {
      ...rules,
      store: mutation.viewStore?.(link) ?? link,
      custody: this.#world.custody,
      clock: this,
      stopwatch: { elapsed: () => this.#world.now() - START + 0.5 },
      replicaId: `${this.name}.${String(this.lives)}`,
      versionSeenBefore: versionSeen,
    };
    const keys = new ManagedKeys(mutation.keysDeps?.(keysDeps) ?? keysDeps);
    if (mutation.plansBlindly === true) keys.doubtAbout = () => undefined;
    const rotation: KeySetDeps = {
      store: mutation.rotationStore?.(link, this) ?? link,
      custody: this.#world.custody,
      rules,
    };
    return { link, keys, directory: mutation.directory?.(keys) ?? keys, rotation };
  }
}

interface Life {
  readonly link: StoreLink;
  readonly keys: ManagedKeys;
  readonly directory: KeyDirectory;
  readonly rotation: KeySetDeps;
}

export type FetchSource = "cache" | "nowhere" | number;

/** Where a verifier runs. */
export class Watcher {
  /** `stretch`: it keeps the oldest set that it can get for as long as it may. */
  mode: "normal" | "stretch" = "normal";
  double: RuntimeDouble;
  fetching: Promise<void> | undefined;
  source: FetchSource = "cache";
  takesSeconds = 0;
  readonly #world: World;
  readonly #clockOffSeconds: number;

  constructor(world: World, clockOffSeconds: number) {
    this.#world = world;
    this.#clockOffSeconds = clockOffSeconds;
    this.double = this.#newDouble();
  }

  /** Forgets its set, as a runtime does when it starts again. */
  restart(): void {
    this.double = this.#newDouble();
    this.fetching = undefined;
  }

  /** Lets it fetch, if its set is due. The answer is the one of now; it arrives after `takesSeconds`. */
  refresh(source: FetchSource, takesSeconds: number): void {
    this.source = source;
    this.takesSeconds = takesSeconds;
    const { double } = this;
    this.fetching = double.keys().then(() => {
      if (this.double === double) this.fetching = undefined;
    });
  }

  #newDouble(): RuntimeDouble {
    const world = this.#world;
    return new RuntimeDouble(
      {
        ...ISSUER,
        ttlSeconds: MODEL_TIMING.verifierTtlSeconds,
        graceSeconds: MODEL_TIMING.verifierGraceSeconds,
        expLeewaySeconds: MODEL_TIMING.expLeewaySeconds,
      },
      {
        clock: clockOf(() => after(world.now(), this.#clockOffSeconds)),
        stopwatch: { elapsed: () => world.now() - START },
        fetch: async () => {
          const body = world.answer(this.source);
          if (this.takesSeconds > 0) await world.wait(this.takesSeconds);
          return body;
        },
      },
    );
  }
}

/** A token that was really signed. */
export interface ModelToken {
  readonly text: string;
  readonly kid: Kid;
  readonly exp: EpochSeconds;
}

const START = 1_800_000_000;
export const ALL_ACCEPTED: readonly Acceptance[] = [
  "short-lead",
  "grace-risk",
  "verifiers-behind",
  "live-tokens",
];

/**
 * Three replicas over one store, a shared HTTP cache and three verifiers, in virtual time. The planner, the rotation, the
 * replicas' view, the mint and the memory store are the real ones; only their clocks, the network and the makers of keys are not.
 */
export class World {
  readonly settings: WorldSettings;
  readonly mutation: Mutation;
  readonly leadSeconds: number;
  readonly periodSeconds: number;
  readonly custody: KeyCustody;
  readonly seats: readonly Seat[];
  readonly watchers: readonly Watcher[];
  readonly invariants: Invariants;
  readonly tokens: ModelToken[] = [];
  /** The store as it should be. */
  readonly trueStore: ModelStore;
  restored: { readonly store: ModelStore; readonly version: number } | undefined;
  backup: { readonly writes: number; readonly version: number } | undefined;
  seconds = 0;
  #now = epochSeconds(START);
  readonly #handedOut = new Set<Kid>();
  #due: { readonly at: number; readonly wake: () => void }[] = [];
  #cache: { readonly body: string; readonly version: number; readonly at: number } | undefined;

  constructor(settings: WorldSettings, mutation: Mutation = {}) {
    this.settings = settings;
    this.mutation = mutation;
    this.leadSeconds =
      settings.lead === "B1" ? leadFloorSeconds(MODEL_TIMING) : leadThroughGraceSeconds(MODEL_TIMING);
    this.periodSeconds =
      settings.period === "short" ? Math.ceil(this.leadSeconds * 0.75) : this.leadSeconds + 4;
    const make: KeyMaker = (alg) => Promise.resolve(this.#nextKey(alg));
    // A backup may hold a key that is gone from the store, as with keys that are sealed in it.
    this.custody = { ...apartCustody(mutation.makeKey?.(make) ?? make), destroy: () => Promise.resolve() };
    this.trueStore = new ModelStore(() => this.#now);
    this.seats = settings.seats.map((seat, index) => new Seat(this, "abc".charAt(index), seat));
    this.watchers = [-1, 0, 1].map((off) => new Watcher(this, off));
    if (settings.stretch) for (const watcher of this.watchers) watcher.mode = "stretch";
    this.invariants = new Invariants(this, MODEL_TIMING);
  }

  now(): EpochSeconds {
    return this.#now;
  }
  store(): KeyStore {
    return this.restored?.store ?? this.trueStore;
  }
  wait(seconds: number): Promise<void> {
    return new Promise((wake) => this.#due.push({ at: this.#now + seconds, wake }));
  }

  /** Lets seconds pass; in each, replicas and verifiers do their own work, and every invariant is checked. */
  async tick(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.#now = after(this.#now, 1);
      this.seconds += 1;
      await this.#deliver();
      for (const seat of this.seats)
        if (seat.lazy && this.#leaseAge(seat) >= MODEL_TIMING.replicaLagSeconds) await this.renew(seat);
      await Promise.all(this.seats.filter((seat) => !seat.lazy).map((seat) => this.keep(seat)));
      this.#stretch();
      await this.look();
      this.invariants.secondPassed();
    }
  }

  /** Every replica stops, and starts again after so many seconds; verifiers continue with what they hold, as long as they may. */
  async shutDown(seconds: number): Promise<void> {
    for (const seat of this.seats) {
      seat.up = false;
      seat.kept = false;
    }
    await this.tick(seconds);
    for (const seat of this.seats) seat.restart();
    this.invariants.disturb();
  }

  /** Looks at every invariant now. */
  async look(): Promise<void> {
    const set = await this.trueStore.load();
    const restored = await this.restored?.store.load();
    this.invariants.look(set, restored);
    this.#handedOut.clear();
  }

  /** One round of upkeep, as the service runs it: whole at its start, then the lease and the rotation at once, neither waiting for the other. */
  async keep(seat: Seat): Promise<void> {
    seat.kept = false;
    if (!seat.up || seat.beating !== undefined) return;
    const { keys, rotation } = seat;
    const loops =
      keys.set === undefined ? [wholeRound(rotation, keys)] : [keys.renew(), rotationRound(rotation, keys)];
    seat.kept = (await Promise.all(loops.map((loop) => this.#attempt(loop)))).every(Boolean);
    this.#forgetIfMutant(seat);
  }

  async renew(seat: Seat): Promise<void> {
    if (!seat.up || seat.beating !== undefined) return;
    await this.#attempt(seat.keys.renew());
    this.#forgetIfMutant(seat);
  }

  /** A beat that the store answers `seconds` late. */
  slowRenew(seat: Seat, seconds: number): void {
    const { lives } = seat;
    seat.link.slowNextBeat(seconds);
    seat.beating = this.#attempt(seat.keys.renew()).then(() => {
      if (seat.lives === lives) seat.beating = undefined;
    });
  }

  async operate(seat: Seat, operation: Operation, accepted: readonly Acceptance[]): Promise<void> {
    const before = await this.trueStore.load();
    await this.#attempt(
      operate(seat.rotation, operation, new Set(this.mutation.acceptsAll === true ? ALL_ACCEPTED : accepted)),
    );
    this.invariants.operated(before, await this.trueStore.load(), operation, accepted.length > 0);
  }

  async mint(seat: Seat, ttlSeconds: number): Promise<void> {
    const deps = {
      clock: seat,
      random: countingRandom(),
      keys: seat.directory,
      usage: seat.keys.usage,
      timers: systemTimers,
      rules: { ...ISSUER, defaultTtlSeconds: 5, maxTtlSeconds: seat.maxTtlSeconds },
    };
    const outcome = await mint(
      deps,
      anyone(),
      mintRequest({ sender: "agent", ttl_seconds: ttlSeconds }),
      NO_POLICY,
    );
    if (outcome.kind === "rejected") return;
    const { token: text, kid, claims } = outcome;
    this.tokens.push({ text, kid, exp: claims.exp });
    this.invariants.signed(seat, kid, claims.iat, claims.exp);
  }

  /** One request to a verifier, with whatever fetch it takes. */
  async check(watcher: Watcher, token: ModelToken, source: FetchSource): Promise<void> {
    if (watcher.fetching !== undefined) return;
    watcher.source = source;
    watcher.takesSeconds = 0;
    const verdict = await watcher.double.check(`Bearer ${token.text}`);
    this.invariants.verdict(watcher, token, verdict);
  }

  /** What a fetch at this moment gets; throws when it gets nothing. */
  answer(source: FetchSource): string {
    if (source === "nowhere") throw new Error("no answer in time");
    if (typeof source === "number")
      return this.#answerOf(this.seats[source])?.body ?? '{"error":"no signing key"}';
    if (this.#cache === undefined || this.#now - this.#cache.at > MODEL_TIMING.jwksMaxAgeSeconds) {
      const answers = this.seats.map((seat) => this.#answerOf(seat)).filter((answer) => answer !== undefined);
      this.#cache = answers[this.seconds % Math.max(1, answers.length)];
    }
    if (this.#cache === undefined) throw new Error("no replica is ready");
    return this.#cache.body;
  }

  #answerOf(seat: Seat | undefined): { body: string; version: number; at: number } | undefined {
    const body = seat?.up === true ? seat.directory.view().jwks?.body : undefined;
    if (seat === undefined || body === undefined) return undefined;
    seat.keys.usage.noteFetch("verifier", "model");
    return { body, version: seat.keys.set?.version ?? 0, at: this.#now };
  }

  /** The worst that caches and verifiers may do: each holds on to the oldest set that it can get, as long as it may. */
  #stretch(): void {
    const stretching = this.watchers.filter((watcher) => watcher.mode === "stretch");
    if (stretching.length === 0) return;
    const newest = this.invariants.version;
    const answers = this.seats.map((seat) => this.#answerOf(seat)).filter((answer) => answer !== undefined);
    const oldest = answers.toSorted((one, other) => one.version - other.version)[0];
    if (oldest !== undefined && oldest.version < newest) this.#cache = oldest;
    const stale =
      this.#cache !== undefined &&
      this.#cache.version < newest &&
      this.#now - this.#cache.at <= MODEL_TIMING.jwksMaxAgeSeconds;
    for (const watcher of stretching) {
      if (watcher.fetching !== undefined || !stale) continue;
      watcher.restart();
      watcher.refresh("cache", MODEL_TIMING.fetchSeconds);
    }
  }

  async #deliver(): Promise<void> {
    const due = this.#due.filter(({ at }) => at <= this.#now);
    this.#due = this.#due.filter(({ at }) => at > this.#now);
    for (const { wake } of due) wake();
    // A read or a fetch that came back is processed before anything else happens in this second.
    if (due.length > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The first key of the pool that was neither published nor given out since the last look: losers of a race leave theirs. */
  #nextKey(alg: Algorithm): ImportedKey {
    for (let index = 0; ; index += 1) {
      const key = POOLS[alg][index] ?? testKey(`${alg}-${String(index).padStart(3, "0")}`, alg);
      POOLS[alg][index] = key;
      if (this.#handedOut.has(key.kid) || this.invariants.knows(key.kid)) continue;
      this.#handedOut.add(key.kid);
      return key;
    }
  }

  #leaseAge(seat: Seat): number {
    return seat.link.lastBeat === undefined
      ? Number.POSITIVE_INFINITY
      : this.#now - seat.link.lastBeat.begunAt;
  }

  /** Whether it went well; a store that could not be reached is part of life, anything else is a fault. */
  async #attempt(work: Promise<unknown>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (thrown) {
      if (!(thrown instanceof StoreUnavailable)) this.invariants.broken("I13", String(thrown));
      return false;
    }
  }

  #forgetIfMutant(seat: Seat): void {
    if (this.mutation.forgets === true && seat.keys.fence() === "store_older") seat.restart(0);
  }
}

/** A world in which the first replica has made the first keys. */
export async function openWorld(settings: WorldSettings, mutation?: Mutation): Promise<World> {
  const world = new World(settings, mutation);
  await world.keep(world.seats[0] as Seat);
  await world.look();
  return world;
}

/** Keys that are made once for all runs, and given out in the same order in each. */
const POOLS: Record<Algorithm, ImportedKey[]> = { ES256: [], RS256: [] };

import type { Stopwatch } from "../kernel/clock.ts";
import { messageOf } from "../kernel/faults.ts";
import type { Timers } from "../kernel/timers.ts";
import type { Buckets, Taken } from "./buckets.ts";
import type { Limit, Take } from "./limit-plan.ts";
import type { LocalBuckets } from "./local-buckets.ts";
import { type Pace, partOf } from "./rate.ts";

/** What a shared store answers of buckets that were taken from, all or none. */
export interface SharedAnswer {
  /** The first one that is empty; `undefined`: a token was taken from each. */
  readonly empty: { readonly index: number; readonly retryAfterUs: number } | undefined;
  /** Of each, the microseconds until it is full. */
  readonly spentUs: readonly number[];
}

/** Port. The buckets of all replicas. */
export interface SharedStore {
  /** Decides in one step. Rejects when the store fails; may never settle. */
  take(takes: readonly Take[]): Promise<SharedAnswer>;
  /** Whether it can decide now: does what `take` does, for a bucket of its own. Rejects when it cannot. */
  probe(): Promise<void>;
}

/** How long a decision may take (N11). */
const DEADLINE_MS = 45;

const TOGETHER_MS = 5;

/**
 * How long a probe may take. Much less than a decision: a server that answers only just in time would be lost again at once, and each
 * loss makes requests wait.
 */
const PROBE_MS = 20;

/** What an operator must know of the store. */
export interface StoreWatcher {
  /** From now on each replica decides by itself. */
  lost(why: string): void;
  /** From now on the store decides again. */
  found(): void;
  /** How long a decision took for which the store was asked, whether the store or this replica made it in the end. */
  decided(seconds: number): void;
}

export interface SharedBucketsDeps {
  readonly store: SharedStore;
  /** What is known here: of a bucket, as much as this replica has seen. */
  readonly local: LocalBuckets;
  readonly timers: Timers;
  readonly stopwatch: Stopwatch;
  /** Among how many replicas a limit is divided while there is no store. */
  readonly replicas: number;
  readonly watcher: StoreWatcher;
}

/** Why a store does not decide: `late`, or its own words. */
type Outcome =
  | { readonly kind: "answer"; readonly answer: SharedAnswer }
  | { readonly kind: "failed"; readonly why: string };

/**
 * Buckets that all replicas share. When the store fails or is late, every request from then on is decided here at once, at its part of
 * each limit and from the last known levels (N11, N12), until a probe finds the store again. What this replica itself has admitted is
 * never forgotten, so a store that was wiped admits no more than each replica by itself would.
 */
export class SharedBuckets implements Buckets {
  readonly #deps: SharedBucketsDeps;
  readonly #pending = new Set<(outcome: Outcome) => void>();
  #latest: Set<(outcome: Outcome) => void> | undefined;
  #state: "starting" | "shared" | "lost" = "starting";

  constructor(deps: SharedBucketsDeps) {
    this.#deps = deps;
  }

  /** Whether this replica decides by itself. */
  get isLocal(): boolean {
    return this.#state !== "shared";
  }

  take(takes: readonly Take[]): Taken | Promise<Taken> {
    if (this.#state !== "shared") return this.#takeHere(takes);
    // Counted here first: what is empty by what this replica knows is empty everywhere, so a flood does not reach the store, and a
    // store that forgets admits no more than this replica by itself would.
    const near = this.#deps.local.take(takes);
    return near.kind === "limited" ? near : this.#ask(takes);
  }

  /** Looks whether the store is there, and fast enough. Never rejects. */
  async look(): Promise<void> {
    if (this.#state !== "shared") await this.lookAgain();
  }

  /** The same, of a store that is taken to be there: something else failed in it. Never rejects. */
  async lookAgain(): Promise<void> {
    const outcome = await this.#probe();
    if (outcome.kind === "failed") {
      this.#lose(outcome.why);
      return;
    }
    const wasLost = this.#state === "lost";
    this.#state = "shared";
    if (wasLost) this.#deps.watcher.found();
  }

  /** Each look has a probe of its own: the late answer to an older one says nothing about how fast the store is. */
  #probe(): Promise<Outcome> {
    const { store, timers } = this.#deps;
    const patience = timers.delay(PROBE_MS);
    const late = patience.over.then(() => timers.afterArrivals()).then(() => failed(LATE));
    const answered = store.probe().then(
      () => FOUND,
      (thrown: unknown) => failed(messageOf(thrown)),
    );
    return Promise.race([answered, late]).finally(() => {
      patience.cancel();
    });
  }

  async #ask(takes: readonly Take[]): Promise<Taken> {
    const { stopwatch, watcher } = this.#deps;
    const start = stopwatch.elapsed();
    const outcome = await this.#inTime(this.#deps.store.take(takes));
    watcher.decided(stopwatch.elapsed() - start);
    if (outcome.kind === "failed") {
      this.#lose(outcome.why);
      this.#deps.local.giveBack(takes);
      return this.#takeHere(takes);
    }
    const { empty, spentUs } = outcome.answer;
    const levels = takes.map((take, index) => ({ take, spentUs: spentUs[index] ?? 0 }));
    if (empty !== undefined) this.#deps.local.giveBack(takes);
    for (const { take, spentUs: spent } of levels) this.#deps.local.raise(take, spent);
    const scope = empty && takes[empty.index]?.scope;
    return empty === undefined || scope === undefined
      ? { kind: "taken", levels }
      : { kind: "limited", scope, retryAfterUs: empty.retryAfterUs, levels };
  }

  #takeHere(takes: readonly Take[]): Taken {
    return this.#deps.local.take(takes, (limit) => this.#ownPart(limit));
  }

  #ownPart({ pace }: Limit): Pace {
    return partOf(pace, this.#deps.replicas);
  }

  /** What a request to the store answers within the deadline, unless another finds first that the store is lost. */
  #inTime(request: Promise<SharedAnswer>): Promise<Outcome> {
    return new Promise((resolve) => {
      const together = this.#together();
      const settle = (outcome: Outcome): void => {
        together.delete(settle);
        this.#pending.delete(settle);
        resolve(outcome);
      };
      together.add(settle);
      this.#pending.add(settle);
      request.then(
        (answer) => {
          settle({ kind: "answer", answer });
        },
        (thrown: unknown) => {
          settle(failed(messageOf(thrown)));
        },
      );
    });
  }

  /** Those that began within the same few milliseconds have one deadline: a timer for each would cost more than what it watches. */
  #together(): Set<(outcome: Outcome) => void> {
    if (this.#latest !== undefined) return this.#latest;
    const together = new Set<(outcome: Outcome) => void>();
    this.#latest = together;
    const { timers } = this.#deps;
    void timers.delay(TOGETHER_MS).over.then(() => {
      this.#latest = undefined;
    });
    // An answer that has arrived counts, however late this process itself comes to read it.
    void timers
      .delay(DEADLINE_MS)
      .over.then(() => timers.afterArrivals())
      .then(() => {
        for (const settle of [...together]) settle(failed(LATE));
      });
    return together;
  }

  #lose(why: string): void {
    const isNew = this.#state !== "lost";
    this.#state = "lost";
    if (isNew) this.#deps.watcher.lost(why);
    for (const settle of [...this.#pending]) settle(failed(why));
  }
}

const LATE = "deadline";
const FOUND: Outcome = { kind: "answer", answer: { empty: undefined, spentUs: [] } };

function failed(why: string): Outcome {
  return { kind: "failed", why };
}

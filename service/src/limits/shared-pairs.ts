import { createHmac } from "node:crypto";
import type { Stopwatch } from "../kernel/clock.ts";
import { messageOf } from "../kernel/faults.ts";
import type { Random } from "../kernel/random.ts";
import { BucketTable, newSeed } from "./bucket-table.ts";
import { takeOne } from "./gcra.ts";
import { microseconds } from "./local-buckets.ts";
import { paceOf } from "./rate.ts";

/** What a store of pairs answers. */
export interface PairsNoted {
  /** Names the set: another name after the store lost what it had; empty when there is none. */
  readonly set: string;
  /** Where to read on. */
  readonly mark: number;
  /** Those noted after the mark that was asked for, the oldest first. `leftUs`: how long each is known from now. */
  readonly pairs: readonly { readonly digest: string; readonly leftUs: number }[];
  /** Whether there are more of them. */
  readonly isMore: boolean;
}

/** Port. The pairs that all replicas know. */
export interface PairStore {
  /** Notes some, and answers what was noted after `mark`. Rejects when the store fails. */
  exchange(noted: readonly string[], mark: number): Promise<PairsNoted>;
}

/** What an operator must know of the exchange. */
export interface PairWatcher {
  /** The store does not share pairs. Called once for each reason until it does again. */
  failed(why: string): void;
}

export interface SharedPairsDeps {
  readonly store: PairStore;
  /** Whose pairs they are: all replicas of a deployment have the same name. */
  readonly name: string;
  readonly stopwatch: Stopwatch;
  readonly random: Random;
  readonly watcher: PairWatcher;
}

/** How long a pair is known after it was noted. */
export const PAIR_LIFE_US = 172_800_000_000;
/** How many pairs all replicas know together. When there are more, the oldest are forgotten. */
export const PAIRS_MAX = 65_536;

/** How many new addresses one credential may have noted here in a day: one who has one cannot push out the pairs of all others. */
const NOTED_PACE = paceOf({ count: 1_000, perSeconds: 86_400, burst: 1_000 });
const CREDENTIAL_SLOTS = 2 ** 16;

/** How many pairs go with one request to the store: it takes less than a millisecond. */
const NOTED_TOGETHER_MAX = 500;
/** More than are needed for all pairs there can be. */
const REQUESTS_MAX = 400;

/** 132 bits: no two pairs have the same. */
const DIGEST_CHARS = 22;

/**
 * The pairs of an address and a credential that proved right at some replica, as digests. They are exchanged in the background. What is
 * known here stays known when the store is lost, and is noted again in a store that lost its memory.
 */
export class SharedPairs {
  readonly #deps: SharedPairsDeps;
  /** Until when each is known, in the order in which they were noted. */
  readonly #untilUs = new Map<string, number>();
  readonly #noted: BucketTable;
  #waiting = new Set<string>();
  #set = "";
  #mark = 0;
  #isUnderWay = false;
  #fault: string | undefined;

  constructor(deps: SharedPairsDeps) {
    this.#deps = deps;
    this.#noted = new BucketTable(CREDENTIAL_SLOTS, newSeed(deps.random.bytes(8)));
  }

  /** Whether the pair proved right at some replica. */
  isKnown(pair: string): boolean {
    if (this.#untilUs.size === 0) return false;
    const untilUs = this.#untilUs.get(this.#digestOf(pair));
    return untilUs !== undefined && untilUs > microseconds(this.#deps.stopwatch);
  }

  /** The pair proved right here: the other replicas will know it. `credential`: whose pair it is. */
  note(pair: string, credential: string): void {
    const nowUs = microseconds(this.#deps.stopwatch);
    const slot = this.#noted.slotOf(credential, nowUs);
    const taken = takeOne(NOTED_PACE, this.#noted.fullAtUs(slot), nowUs);
    if (taken.kind === "limited") return;
    this.#noted.write(slot, taken.fullAtUs);
    const digest = this.#digestOf(pair);
    this.#learn(digest, nowUs + PAIR_LIFE_US);
    this.#waiting.add(digest);
  }

  /** Notes what is new here in the store, and learns what is new there. One at a time. Never rejects. */
  async exchange(): Promise<void> {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    try {
      for (let requests = 0, isMore = true; isMore && requests < REQUESTS_MAX; requests += 1)
        isMore = await this.#exchangeSome();
      this.#fault = undefined;
    } catch (thrown) {
      const fault = messageOf(thrown);
      if (fault !== this.#fault) this.#deps.watcher.failed(fault);
      this.#fault = fault;
    } finally {
      this.#isUnderWay = false;
    }
  }

  /** Whether there is more to exchange. */
  async #exchangeSome(): Promise<boolean> {
    const noted = [...this.#waiting].slice(0, NOTED_TOGETHER_MAX);
    const answer = await this.#deps.store.exchange(noted, this.#mark);
    const nowUs = microseconds(this.#deps.stopwatch);
    if (answer.set !== this.#set) {
      // A set that this replica has not seen has nothing of what was noted in another one.
      this.#waiting = new Set(this.#stillKnown(nowUs));
      this.#mark = 0;
    } else {
      for (const { digest, leftUs } of answer.pairs)
        this.#learn(digest, nowUs + Math.min(leftUs, PAIR_LIFE_US));
      this.#mark = answer.mark;
    }
    const isOther = answer.set !== this.#set;
    this.#set = answer.set;
    for (const digest of noted) this.#waiting.delete(digest);
    return isOther || answer.isMore || this.#waiting.size > 0;
  }

  #learn(digest: string, untilUs: number): void {
    const before = this.#untilUs.get(digest) ?? 0;
    this.#untilUs.delete(digest);
    this.#untilUs.set(digest, Math.max(before, untilUs));
    if (this.#untilUs.size <= PAIRS_MAX) return;
    const [oldest] = this.#untilUs.keys();
    if (oldest === undefined) return;
    this.#untilUs.delete(oldest);
    this.#waiting.delete(oldest);
  }

  #stillKnown(nowUs: number): string[] {
    return [...this.#untilUs].filter(([, untilUs]) => untilUs > nowUs).map(([digest]) => digest);
  }

  /** Keyed by the name of the deployment: a pair of one says nothing about another. */
  #digestOf(pair: string): string {
    return createHmac("sha256", this.#deps.name).update(pair).digest("base64url").slice(0, DIGEST_CHARS);
  }
}

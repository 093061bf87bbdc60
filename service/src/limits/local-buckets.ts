import type { Stopwatch } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import { BucketTable, newSeed } from "./bucket-table.ts";
import type { Buckets, Taken } from "./buckets.ts";
import { type BucketAnswer, takeOne } from "./gcra.ts";
import type { HashWords } from "./keyed-hash.ts";
import type { Limit, Scope, Take } from "./limit-plan.ts";
import type { Pace } from "./rate.ts";

/** Slots by scope, 16 bytes each: a million addresses at once have a bucket of their own each. */
const SLOTS: Readonly<Record<Scope, number>> = {
  address: 2 ** 21,
  caller: 2 ** 17,
  share: 2 ** 17,
  sender: 2 ** 18,
  global: 32,
};

export interface LocalBucketsDeps {
  readonly stopwatch: Stopwatch;
  readonly random: Random;
}

/** What was looked at of one bucket. */
interface Look {
  readonly take: Take;
  readonly table: BucketTable;
  readonly slot: number;
  readonly answer: BucketAnswer;
}

/** The buckets of this process. A table is made when a limit first needs it. */
export class LocalBuckets implements Buckets {
  readonly #stopwatch: Stopwatch;
  readonly #seed: HashWords;
  readonly #tables = new Map<Scope, BucketTable>();

  constructor({ stopwatch, random }: LocalBucketsDeps) {
    this.#stopwatch = stopwatch;
    this.#seed = newSeed(random.bytes(8));
  }

  /** At most one bucket of each scope. `paceIn`: the pace that is used of a limit. */
  take(takes: readonly Take[], paceIn: (limit: Limit) => Pace = ownPace): Taken {
    const nowUs = microseconds(this.#stopwatch);
    const looks = this.#look(takes, nowUs, paceIn);
    const taken = answerOf(looks, nowUs);
    if (taken.kind === "taken")
      for (const { table, slot, answer } of looks) table.write(slot, answer.fullAtUs);
    return taken;
  }

  /** Gives back what was taken of each, at the pace of its limit. */
  giveBack(takes: readonly Take[]): void {
    const nowUs = microseconds(this.#stopwatch);
    for (const { scope, key, limit } of takes) {
      const table = this.#table(scope);
      const slot = table.slotOf(key, nowUs);
      table.write(slot, table.fullAtUs(slot) - limit.pace.intervalUs);
    }
  }

  /** Notes that at least so much is spent of a bucket, in microseconds until it is full. */
  raise({ scope, key }: Take, spentUs: number): void {
    const nowUs = microseconds(this.#stopwatch);
    const table = this.#table(scope);
    const slot = table.slotOf(key, nowUs);
    table.write(slot, Math.max(table.fullAtUs(slot), nowUs + spentUs));
  }

  /** How many times a bucket found no place of its own, by scope. */
  overflows(): ReadonlyMap<Scope, number> {
    return new Map([...this.#tables].map(([scope, { overflows }]) => [scope, overflows]));
  }

  #look(takes: readonly Take[], nowUs: number, paceIn: (limit: Limit) => Pace): readonly Look[] {
    return takes.map((take) => {
      const table = this.#table(take.scope);
      const slot = table.slotOf(take.key, nowUs);
      const pace = paceIn(take.limit);
      const storedUs = table.fullAtUsWithin(slot, pace.spanUs, nowUs);
      return { take, table, slot, answer: takeOne(pace, storedUs, nowUs) };
    });
  }

  #table(scope: Scope): BucketTable {
    const known = this.#tables.get(scope);
    if (known !== undefined) return known;
    const table = new BucketTable(SLOTS[scope], this.#seed);
    this.#tables.set(scope, table);
    return table;
  }
}

function answerOf(looks: readonly Look[], nowUs: number): Taken {
  const levels = looks.map(({ take, answer }) => ({ take, spentUs: answer.fullAtUs - nowUs }));
  for (const { take, answer } of looks)
    if (answer.kind === "limited") {
      const { retryAfterUs } = answer;
      // Nothing is taken from the others: their levels are those before this request.
      return {
        kind: "limited",
        scope: take.scope,
        retryAfterUs,
        levels: looks.map((look) => untaken(look, nowUs)),
      };
    }
  return { kind: "taken", levels };
}

function untaken({ take, table, slot }: Look, nowUs: number): { take: Take; spentUs: number } {
  return { take, spentUs: Math.max(0, table.fullAtUs(slot) - nowUs) };
}

function ownPace({ pace }: Limit): Pace {
  return pace;
}

/** Whole microseconds of a stopwatch. */
export function microseconds(stopwatch: Stopwatch): number {
  return Math.floor(stopwatch.elapsed() * 1_000_000);
}

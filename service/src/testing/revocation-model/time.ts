import { type Clock, epochMs, epochSeconds, type Stopwatch } from "../../kernel/clock.ts";
import type { Timers } from "../../kernel/timers.ts";

/** A start for each world that is later than the end of the one before: worlds may share a database. */
let nextStartMs = 1_800_000_000_000;
const BETWEEN_WORLDS_MS = 2 * 86_400_000;
/** Longer waits of a ledger's writer are its deadlines and pauses. */
const GATHER_MS_MAX = 10;

/** The time of a world: only the world moves it. */
export class ModelTime {
  #ms = nextStartMs;
  readonly stopwatch: Stopwatch = { elapsed: () => this.#ms / 1_000 };

  constructor() {
    nextStartMs += BETWEEN_WORLDS_MS;
  }

  get ms(): number {
    return this.#ms;
  }

  move(milliseconds: number): void {
    this.#ms += milliseconds;
  }

  /** A clock that is so many seconds ahead. */
  clock(aheadSeconds = 0): Clock {
    return {
      now: () => epochSeconds(this.#ms / 1_000 + aheadSeconds),
      nowMs: () => epochMs(this.#ms + aheadSeconds * 1_000),
    };
  }

  /** Who waits makes the time pass. */
  readonly passing: Pick<Timers, "delay"> = {
    delay: (milliseconds) => {
      this.move(milliseconds);
      return { over: Promise.resolve(), cancel: () => undefined };
    },
  };
}

/** Timers of a writer whose store always answers: it gathers without a wait, and no deadline ever ends. */
export const WRITER_TIMERS: Pick<Timers, "delay" | "afterArrivals"> = {
  delay: (milliseconds) => ({
    over: milliseconds <= GATHER_MS_MAX ? nextTurn() : new Promise(() => undefined),
    cancel: () => undefined,
  }),
  afterArrivals: () => nextTurn(),
};

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

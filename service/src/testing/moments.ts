import { type Clock, type EpochMs, type EpochSeconds, epochMs, epochSeconds } from "../kernel/clock.ts";

/** A clock that only a test moves. */
export class TestClock implements Clock {
  #now: EpochSeconds;

  constructor(start = 1_800_000_000) {
    this.#now = epochSeconds(start);
  }

  now(): EpochSeconds {
    return this.#now;
  }

  nowMs(): EpochMs {
    return epochMs(this.#now * 1_000);
  }

  move(seconds: number): void {
    this.#now = epochSeconds(this.#now + seconds);
  }
}

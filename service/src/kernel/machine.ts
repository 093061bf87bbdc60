import type { Clock, Stopwatch } from "./clock.ts";
import type { Random } from "./random.ts";
import type { Steps } from "./steps.ts";
import type { Timers } from "./timers.ts";

/**
 * The ports that make a run differ from another: time, random bytes and timers. main.ts makes the real ones; each function takes
 * the ports that it needs.
 */
export interface Machine {
  readonly clock: Clock;
  readonly stopwatch: Stopwatch;
  readonly random: Random;
  readonly timers: Timers;
  /** Where traces are on: notes the steps of requests. */
  readonly steps?: Steps | undefined;
}

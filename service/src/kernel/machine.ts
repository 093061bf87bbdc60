import type { Clock, Stopwatch } from "./clock.ts";
import type { Random } from "./random.ts";
import type { Timers } from "./timers.ts";

/** What no program can repeat: time, chance and waiting. main.ts makes the real one; each function takes what it needs of it. */
export interface Machine {
  readonly clock: Clock;
  readonly stopwatch: Stopwatch;
  readonly random: Random;
  readonly timers: Timers;
}

import type { Branded } from "./branded.ts";

/** Whole seconds since 1970-01-01T00:00:00Z: a NumericDate of RFC 7519 section 2. */
export type EpochSeconds = Branded<number, "EpochSeconds">;

/** Where the time comes from. Passed in, so that a test can move it. */
export interface Clock {
  /** The wall clock, rounded down to the second. */
  now(): EpochSeconds;
}

/** Brands a count of seconds since the epoch, rounded down. */
export function epochSeconds(seconds: number): EpochSeconds {
  return Math.floor(seconds) as EpochSeconds;
}

/** The moment `seconds` after `moment`; negative seconds go back. */
export function after(moment: EpochSeconds, seconds: number): EpochSeconds {
  return epochSeconds(moment + seconds);
}

/** The later of the moments. */
export function latest(first: EpochSeconds, ...others: readonly EpochSeconds[]): EpochSeconds {
  return Math.max(first, ...others) as EpochSeconds;
}

/** A clock that only goes forward and cannot be set. */
export interface Stopwatch {
  /** Seconds, with fractions, since some fixed moment. */
  elapsed(): number;
}

/** The machine's own wall clock. */
export const systemClock: Clock = { now: () => epochSeconds(Date.now() / 1000) };

/** A clock that starts at the wall clock's time and then follows a stopwatch: it neither jumps nor goes back when the wall clock is set. */
export function steadyClock(wall: Clock, stopwatch: Stopwatch): Clock {
  const offset = wall.now() - stopwatch.elapsed();
  return { now: () => epochSeconds(offset + stopwatch.elapsed()) };
}

/** The machine's monotonic clock. */
export const systemStopwatch: Stopwatch = { elapsed: () => performance.now() / 1000 };

import type { Branded } from "./branded.ts";

/** Whole seconds since 1970-01-01T00:00:00Z: a NumericDate of RFC 7519 section 2. */
export type EpochSeconds = Branded<number, "EpochSeconds">;
/** Whole milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = Branded<number, "EpochMs">;

/** Where the time comes from. Passed in, so that a test can move it. */
export interface Clock {
  /** The wall clock, rounded down to the second. */
  now(): EpochSeconds;
  /** The same, rounded down to the millisecond: for records, which say when something was. */
  nowMs(): EpochMs;
}

/** Brands a count of seconds since the epoch, rounded down. */
export function epochSeconds(seconds: number): EpochSeconds {
  return Math.floor(seconds) as EpochSeconds;
}

/** Brands a count of milliseconds since the epoch, rounded down. */
export function epochMs(milliseconds: number): EpochMs {
  return Math.floor(milliseconds) as EpochMs;
}

/** A clock of a function that gives seconds since the epoch, with fractions. */
export function clockOf(seconds: () => number): Clock {
  return { now: () => epochSeconds(seconds()), nowMs: () => epochMs(seconds() * 1_000) };
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
export const systemClock: Clock = {
  now: () => epochSeconds(Date.now() / 1000),
  nowMs: () => epochMs(Date.now()),
};

/** A clock that starts at the wall clock's time and then follows a stopwatch: it neither jumps nor goes back when the wall clock is set. */
export function steadyClock(wall: Clock, stopwatch: Stopwatch): Clock {
  const offset = wall.nowMs() / 1_000 - stopwatch.elapsed();
  return clockOf(() => offset + stopwatch.elapsed());
}

/** The machine's monotonic clock. */
export const systemStopwatch: Stopwatch = { elapsed: () => performance.now() / 1000 };

/** How much of something may happen: `count` in `perSeconds`, and at most `burst` at once. */
export interface Rate {
  readonly count: number;
  readonly perSeconds: number;
  readonly burst: number;
}

/**
 * A rate as the decision calculates with it: a bucket of `spanUs / intervalUs` tokens, one of which comes back every `intervalUs`
 * microseconds. Both are multiples of a sixteenth, so that doubles hold every sum of them and of whole microseconds exactly, for 17
 * years of uptime.
 */
export interface Pace {
  readonly intervalUs: number;
  readonly spanUs: number;
}

const PARTS_OF_MICROSECOND = 16;
const MICROSECONDS = 1_000_000;

/** Tokens a second: an interval is a microsecond at least. */
const PER_SECOND_MAX = MICROSECONDS;
/** The most that may happen at once. */
export const BURST_MAX = 10_000_000;
const PER_SECONDS_MAX = 86_400;

const TEXT = /^([1-9][0-9]{0,6})\/([1-9][0-9]{0,4})([smh])$/;
const UNIT_SECONDS = { s: 1, m: 60, h: 3_600 } as const;

/** Reads `300/1m`, `20/1s` or `1000/1h`; the burst is the count unless it is given. `undefined` when it is none, or out of range. */
export function parseRate(text: string, burst?: number): Rate | undefined {
  const [, countText = "", perText = "", unit] = TEXT.exec(text) ?? [];
  if (unit === undefined) return undefined;
  const count = Number(countText);
  const rate = {
    count,
    perSeconds: Number(perText) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS],
    burst: burst ?? count,
  };
  return isInRange(rate) ? rate : undefined;
}

function isInRange({ count, perSeconds, burst }: Rate): boolean {
  return perSeconds <= PER_SECONDS_MAX && count / perSeconds <= PER_SECOND_MAX && burst <= BURST_MAX;
}

/** The pace of a rate. An interval is rounded up, so that the rate is never exceeded. */
export function paceOf({ count, perSeconds, burst }: Rate): Pace {
  const intervalUs = roundedUp((perSeconds * MICROSECONDS) / count);
  return { intervalUs, spanUs: intervalUs * burst };
}

/** The rate of one of several equal parts; each may have one at a time at least. */
export function partOf({ intervalUs, spanUs }: Pace, parts: number): Pace {
  const burst = Math.max(1, Math.floor(spanUs / intervalUs / parts));
  const ownIntervalUs = roundedUp(intervalUs * parts);
  return { intervalUs: ownIntervalUs, spanUs: ownIntervalUs * burst };
}

/** `percent` of a rate; one at a time at least. */
export function shareOf({ count, perSeconds, burst }: Rate, percent: number): Rate {
  return {
    count: (count * percent) / 100,
    perSeconds,
    burst: Math.max(1, Math.floor((burst * percent) / 100)),
  };
}

function roundedUp(microseconds: number): number {
  return Math.ceil(microseconds * PARTS_OF_MICROSECOND) / PARTS_OF_MICROSECOND;
}

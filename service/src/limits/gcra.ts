import type { Pace } from "./rate.ts";

/**
 * What a bucket answers. `fullAtUs` is the one number that is stored of it: the moment at which it will be full again (the theoretical
 * arrival time of the generic cell rate algorithm). Moments are whole microseconds of a clock that never goes back.
 */
export type BucketAnswer =
  | { readonly kind: "taken"; readonly fullAtUs: number }
  | { readonly kind: "limited"; readonly fullAtUs: number; readonly retryAfterUs: number };

/**
 * Takes one token, or says when the next one comes. In any time `t` at most burst + t / interval are taken. A stored number that is
 * further away than an empty bucket comes from another rate, or another clock: the bucket is empty, and who holds it stores that.
 */
export function takeOne({ intervalUs, spanUs }: Pace, storedUs: number, nowUs: number): BucketAnswer {
  const fullAtUs = Math.min(Math.max(storedUs, nowUs), nowUs + spanUs);
  const waitUs = fullAtUs + intervalUs - spanUs - nowUs;
  return waitUs > 0
    ? { kind: "limited", fullAtUs, retryAfterUs: waitUs }
    : { kind: "taken", fullAtUs: fullAtUs + intervalUs };
}

/** How many tokens a bucket holds. */
export function tokensLeft({ intervalUs, spanUs }: Pace, fullAtUs: number, nowUs: number): number {
  const spentUs = Math.min(Math.max(fullAtUs - nowUs, 0), spanUs);
  return Math.floor((spanUs - spentUs) / intervalUs);
}

import { z } from "zod";
import type { Level } from "../../limits/buckets.ts";
import { tokensLeft } from "../../limits/gcra.ts";

/** What an answer may carry, as the API describes it. */
export const RATE_LIMIT_HEADERS = {
  "ratelimit-policy": z
    .string()
    .optional()
    .meta({
      description: "Only where limits are enforced: the count and the seconds of each.",
      header: { id: "RateLimitPolicy" },
    }),
  ratelimit: z
    .string()
    .optional()
    .meta({
      description: "Only where limits are enforced: what is left of each, and the seconds until it is full.",
      header: { id: "RateLimit" },
    }),
};

const MICROSECONDS = 1_000_000;

/** Header names and values in turn that say how much is left: draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4. */
export function rateLimitHeaders(levels: readonly Level[]): readonly string[] {
  let policies = "";
  let left = "";
  for (const { take, spentUs } of levels) {
    const { scope, limit } = take;
    // What all callers together have left is no caller's business.
    if (scope === "global" || scope === "share") continue;
    const comma = policies === "" ? "" : ", ";
    const { count, perSeconds } = limit.rate;
    policies += `${comma}"${scope}";q=${count};w=${perSeconds}`;
    left += `${comma}"${scope}";r=${tokensLeft(limit.pace, spentUs, 0)};t=${Math.ceil(spentUs / MICROSECONDS)}`;
  }
  return policies === "" ? [] : ["ratelimit-policy", policies, "ratelimit", left];
}

/** `Retry-After` in whole seconds (RFC 9110 section 10.2.3), one at least. */
export function retryAfterHeader(retryAfterUs: number): readonly string[] {
  return ["retry-after", String(Math.max(1, Math.ceil(retryAfterUs / MICROSECONDS)))];
}

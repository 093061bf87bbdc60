import { z } from "zod";
import { BURST_MAX, parseRate } from "../../limits/rate.ts";

const rateText = z
  .string()
  .refine((value) => parseRate(value) !== undefined, {
    error: "must be a rate such as 300/1m: a count, and a time in s, m or h",
  })
  .meta({ description: "How many in which time, such as 20/1s, 300/1m or 1000/1h." });
/** A rate, as a person writes it. */
export const Limit = z
  .union(
    [
      rateText,
      z.strictObject({
        rate: rateText,
        burst: z.int().min(1).max(BURST_MAX).meta({ description: "How many at once; unset: the count." }),
      }),
    ],
    { error: "must be a rate such as 300/1m, or {rate: 300/1m, burst: 50}" },
  )
  .meta({ description: "A rate: in any time t at most the burst, and the rate times t." });
/** The section `limits`. */
export const Limits = z
  .strictObject({
    mode: z
      .enum(["observe", "enforce"], { error: "must be observe or enforce" })
      .default("enforce")
      .meta({ description: "`observe` mints, and counts what `enforce` would reject." }),
    global: Limit.optional().meta({ description: "Tokens for all callers together." }),
    one_caller: z
      .int()
      .min(1)
      .max(100)
      .default(50)
      .meta({ description: "The percentage of `global` that one caller may use." }),
    caller: Limit.optional().meta({ description: "Tokens for each caller that has no `limit` of its own." }),
    sender: Limit.optional().meta({ description: "Tokens for each sender." }),
    address: Limit.optional().meta({
      description: "Requests from each address; IPv6 by its first 64 bits.",
    }),
    failures_per_address: Limit.default("15/5m").meta({
      description: "Failed credentials from each address.",
    }),
    failures_per_credential: z
      .int()
      .min(1)
      .max(100)
      .default(100)
      .meta({ description: "Failed tries at one shared secret, in a day." }),
    connections_per_address: z
      .int()
      .min(1)
      .max(1_000)
      .optional()
      .meta({ description: "Connections from each address at the same time." }),
  })
  .meta({ description: "How much may be requested; what is omitted is not limited." });

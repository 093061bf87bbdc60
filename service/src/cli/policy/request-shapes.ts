import { z } from "zod";
import { ALGORITHMS } from "../../keys/algorithm.ts";
import { REJECTION_REASONS } from "../../policy/decide.ts";
import { SCOPE_FIELDS, type ScopeField } from "../../scopes/scopes.ts";

// Requests, and what a policy must say of them, as a person writes them into a YAML document.

const NARROWED = [...SCOPE_FIELDS, "ttl_seconds"] as const satisfies readonly (ScopeField | "ttl_seconds")[];

/** One request and who makes it, as `POST /tokens` gets it beside the proof. */
export const RequestText = z.strictObject({
  name: z.string().max(256).optional(),
  caller: z.string(),
  claims: z.record(z.string(), z.string()).default({}),
  sender: z.string(),
  scopes: z.looseObject({}).default({}),
  ttl_seconds: z.number().optional(),
  audience: z.string().optional(),
  alg: z.enum(ALGORITHMS).optional(),
});
export type RequestText = z.infer<typeof RequestText>;

const Expected = z.union(
  [
    z.literal("allowed"),
    z.literal("rejected"),
    z.strictObject({
      allowed: z.strictObject({
        grant: z.string().optional(),
        scopes: z.looseObject({}).optional(),
        ttl_seconds: z.int().optional(),
        audience: z.string().optional(),
        narrowed: z.array(z.enum(NARROWED)).optional(),
      }),
    }),
    z.strictObject({ rejected: z.strictObject({ reason: z.enum(REJECTION_REASONS).optional() }) }),
  ],
  { error: "must be allowed, rejected, or one of these with what is expected of it" },
);
export type Expected = z.infer<typeof Expected>;

const version = z.literal(1, { error: "must be 1" });

const ExpectationText = z.strictObject({ ...RequestText.shape, expect: Expected });
/** The table of `policy test`. */
export const ExpectationsText = z.strictObject({
  version,
  expectations: z.array(ExpectationText).max(100_000),
});

/** A list of requests for `policy diff`. */
export const RequestsText = z.strictObject({ version, requests: z.array(RequestText).max(100_000) });

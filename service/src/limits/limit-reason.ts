import type { Scope } from "./limit-plan.ts";

/** Why a request is limited: a closed set, for the log and for metrics. */
export const LIMIT_REASONS = [
  "limit_address",
  "limit_caller",
  "limit_sender",
  "limit_global",
  /** Too many proofs failed. */
  "limit_failures",
] as const;
export type LimitReason = (typeof LIMIT_REASONS)[number];

/** Why a token is not minted now, and when one may be. */
export interface MintLimited {
  readonly reason: Exclude<LimitReason, "limit_failures">;
  readonly retryAfterUs: number;
}

/** The reason of an empty bucket. The share of the global rate belongs to the caller or, where none proved itself, to the address. */
export function reasonOf(scope: Scope, hasCaller: boolean): MintLimited["reason"] {
  if (scope === "share") return hasCaller ? "limit_caller" : "limit_address";
  return `limit_${scope}`;
}

import type { EpochSeconds } from "../kernel/clock.ts";
import type { ProofClaims, ProofKind } from "./caller.ts";
import type { CallerEntry } from "./registry.ts";

/** What a proof shows, before it is asked whether its caller may call now. */
export interface Proved {
  readonly kind: "proved";
  readonly caller: CallerEntry;
  readonly proof: ProofKind;
  readonly claims: ProofClaims;
}

/** Why a caller may not call now. */
export function whyNotNow(
  { isDisabled, notAfter }: CallerEntry,
  now: EpochSeconds,
): "caller_disabled" | "caller_expired" | undefined {
  if (isDisabled) return "caller_disabled";
  return notAfter !== undefined && now >= notAfter ? "caller_expired" : undefined;
}

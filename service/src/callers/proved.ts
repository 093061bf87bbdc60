import type { ProofClaims, ProofKind } from "./caller.ts";
import type { CallerEntry } from "./declared/registry.ts";
import type { AuthReason } from "./rejection.ts";

/** What a proof shows, before it is asked whether its caller may call now. */
export interface Proved {
  readonly kind: "proved";
  readonly caller: CallerEntry;
  readonly proof: ProofKind;
  readonly claims: ProofClaims;
}

/** Why a caller may not call now. */
export function whyNotNow(
  { isDisabled, notAfter }: Pick<CallerEntry, "isDisabled" | "notAfter">,
  now: number,
): "caller_disabled" | "caller_expired" | undefined {
  if (isDisabled) return "caller_disabled";
  return notAfter !== undefined && now >= notAfter ? "caller_expired" : undefined;
}

/** What is looked at of a proof, one after the other. */
export type CheckName =
  | "form"
  | "secret"
  | "not_our_own"
  | "issuer"
  | "issuer_enabled"
  | "algorithm"
  | "type"
  | "audience"
  | "times"
  | "assertion_id"
  | "signature"
  | "preset"
  | "certificate_use"
  | "strength"
  | "authority"
  | "revocation"
  | "rules"
  | "caller_enabled";

/** One check, and what is wrong; `undefined`: nothing. */
export interface ProofCheck {
  readonly check: CheckName;
  readonly fault: AuthReason | undefined;
}

/** What the first check that failed found. */
export function firstFault(checks: readonly ProofCheck[]): AuthReason | undefined {
  return checks.find(({ fault }) => fault !== undefined)?.fault;
}

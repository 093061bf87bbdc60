import type { CallerId } from "../callers/caller.ts";
import type { PatternFault } from "../kernel/patterns/pattern.ts";

/** What a policy may hold at most, so that the cost of a decision is known when the policy is loaded. */
export const POLICY_BOUNDS = {
  /** Of one grant or deny. */
  callers: 100_000,
  senders: 10_000,
  audiences: 1_000,
  modes: 1_000,
  claims: 16,
  claimValues: 1_000,
  modeChars: 512,
  /** Of one caller: rules tried for each of its requests, and the patterns in them that have a wildcard or a template. */
  grantsPerCaller: 100,
  deniesPerCaller: 100,
  patternsPerCaller: 500,
} as const;

/** What is wrong with one rule of a policy. Facts: where it stands, and what it is. */
export type PolicyFault = RuleFault | CallerFault;

export interface RuleFault {
  readonly rule: "grant" | "deny";
  /** Its place in its list, from 0, and its name. */
  readonly index: number;
  readonly name: string;
  readonly field: string;
  /** The item of a list, from 0, or the claim; `undefined`: the field as a whole. */
  readonly item: number | string | undefined;
  readonly fault: RuleFaultKind;
}

export type RuleFaultKind =
  | PatternFault
  | "name_invalid"
  /** Two rules of one name cannot be told apart in the log. */
  | "name_repeated"
  /** An empty list would match nothing: a rule that does nothing hides a mistake. */
  | "list_empty"
  | "list_too_long"
  | "template_not_allowed"
  | "ttl_invalid"
  | "sessions_invalid"
  | "mode_invalid";

/** More rules or patterns than a decision for one caller may try. */
export interface CallerFault {
  readonly rule: "caller";
  /** `undefined`: a caller that no rule names. */
  readonly caller: CallerId | undefined;
  readonly fault: "too_many_grants" | "too_many_denies" | "too_many_patterns";
  readonly count: number;
  readonly max: number;
}

import type { Scopes } from "../../scopes/scopes.ts";
import { canonicalJson } from "../canonical-json.ts";
import type { CompiledPolicy } from "../compile-policy.ts";
import { type Decision, decide, type RejectionReason } from "../decide.ts";
import type { NarrowedField } from "../judge-grant.ts";
import type { RecordedRequest } from "./diff-policies.ts";

/** A request, and what a policy must say of it. */
export interface Expectation extends RecordedRequest {
  readonly expected: ExpectedDecision;
}

/** What must be so of a decision; what is left out may be anything. */
export type ExpectedDecision =
  | {
      readonly kind: "granted";
      readonly grant?: string;
      /** The fields that are named here, with these values. */
      readonly scopes?: Scopes;
      readonly ttlSeconds?: number;
      readonly audience?: string;
      /** In any order. */
      readonly narrowed?: readonly NarrowedField[];
    }
  | { readonly kind: "rejected"; readonly reason?: RejectionReason };

/** What became of one expectation. */
export interface ExpectationResult {
  readonly index: number;
  readonly expected: ExpectedDecision;
  readonly decision: Decision;
  /** The members that are not as expected, such as `kind` or `scopes.is_observer`; empty: it holds. */
  readonly differs: readonly string[];
}

/** Decides on each request of a table and compares, in the order of the table. */
export function checkExpectations(
  policy: CompiledPolicy,
  expectations: readonly Expectation[],
): readonly ExpectationResult[] {
  return expectations.map(({ caller, request, expected }, index) => {
    const decision = decide(policy, caller, request);
    return { index, expected, decision, differs: differences(expected, decision) };
  });
}

function differences(expected: ExpectedDecision, decision: Decision): readonly string[] {
  if (expected.kind === "granted" && decision.kind === "granted") {
    const { scopes = {}, narrowed, ...members } = expected;
    return [
      ...differingMembers(members, { ...decision }),
      ...differingMembers(scopes, decision.scopes).map((field) => `scopes.${field}`),
      ...differingMembers({ narrowed: sorted(narrowed) }, { narrowed: sorted(decision.narrowed) }),
    ];
  }
  return differingMembers({ ...expected }, { ...decision });
}

function differingMembers(wanted: Scopes, actual: Scopes): readonly string[] {
  return Object.keys(wanted).filter(
    (member) =>
      wanted[member] !== undefined &&
      (!Object.hasOwn(actual, member) || canonicalJson(wanted[member]) !== canonicalJson(actual[member])),
  );
}

function sorted(fields: readonly NarrowedField[] | undefined): readonly NarrowedField[] | undefined {
  return fields && [...fields].sort();
}

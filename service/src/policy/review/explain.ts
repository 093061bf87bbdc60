import type { CompiledPolicy } from "../compile-policy.ts";
import { type Decision, decide, deniesOf, denyMatches, isNearer } from "../decide.ts";
import {
  inquiryOf,
  type Judgement,
  judgeGrant,
  type Miss,
  type NarrowedField,
  type PolicyCaller,
  type PolicyRequest,
} from "../judge-grant.ts";
import type { PolicyHash } from "../policy-hash.ts";

/** A decision and what each rule of the caller said, as facts. */
export interface Explanation {
  readonly hash: PolicyHash;
  readonly decision: Decision;
  /** The denies that the request was compared with, in the order of comparison. */
  readonly denies: readonly { readonly deny: string; readonly matches: boolean }[];
  /** The caller's grants in the order in which they are tried, those behind the one that decided included. */
  readonly grants: readonly ExplainedGrant[];
  /** The grants that missed nearest, at most three, the nearest first; empty when one gives the token. */
  readonly nearest: readonly string[];
}

/** What one grant said. */
export type ExplainedGrant = { readonly grant: string } & (
  | { readonly outcome: "allows" }
  | { readonly outcome: "narrows"; readonly narrowed: readonly NarrowedField[] }
  | { readonly outcome: "misses"; readonly miss: Miss }
);

const NEAREST_MAX = 3;

/** Says why a policy decides as it does: every rule of the caller is tried, and none is left out. */
export function explain(policy: CompiledPolicy, caller: PolicyCaller, request: PolicyRequest): Explanation {
  const inquiry = inquiryOf(policy.rules, caller, request);
  const decision = decide(policy, caller, request);
  const grants = (policy.grantsByCaller.get(caller.id) ?? []).map((compiled) =>
    explained(compiled.grant.name, judgeGrant(compiled, inquiry)),
  );
  return {
    hash: policy.hash,
    decision,
    denies: deniesOf(policy, caller).map((compiled) => ({
      deny: compiled.deny.name,
      matches: denyMatches(compiled, inquiry),
    })),
    grants,
    nearest: decision.kind === "granted" ? [] : nearestOf(grants),
  };
}

function explained(grant: string, judgement: Judgement): ExplainedGrant {
  switch (judgement.kind) {
    case "allows":
      return { grant, outcome: "allows" };
    case "narrows":
      return { grant, outcome: "narrows", narrowed: judgement.narrowed };
    default:
      return { grant, outcome: "misses", miss: judgement.miss };
  }
}

function nearestOf(grants: readonly ExplainedGrant[]): readonly string[] {
  const misses = grants.flatMap((one) => (one.outcome === "misses" ? [one] : []));
  // A stable sort: of two that are equally near, the one that is tried first comes first.
  return misses
    .sort((one, other) => (isNearer(one.miss, other.miss) ? -1 : Number(isNearer(other.miss, one.miss))))
    .slice(0, NEAREST_MAX)
    .map(({ grant }) => grant);
}

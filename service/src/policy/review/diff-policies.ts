import type { CallerId } from "../../callers/caller.ts";
import { canonicalJson } from "../canonical-json.ts";
import type { CompiledPolicy } from "../compile-policy.ts";
import { type Decision, decide } from "../decide.ts";
import type { PolicyCaller, PolicyRequest } from "../judge-grant.ts";

/** A request that was made, and who made it. */
export interface RecordedRequest {
  readonly caller: PolicyCaller;
  readonly request: PolicyRequest;
}

/** What a new policy changes for recorded requests. */
export interface PolicyDiff {
  /** How many requests get the same token, or none as before. */
  readonly same: number;
  /** The requests that do not, in their order. */
  readonly changes: readonly DecisionChange[];
  /** The callers of these, in the order of their first change. */
  readonly callers: readonly CallerChange[];
}

/** `gained`: a token where there was none. `lost`: the reverse. `different`: another token, or of the same content by another grant. */
export type ChangeKind = "gained" | "lost" | "different";

export interface DecisionChange extends RecordedRequest {
  /** The place of the request, from 0. */
  readonly index: number;
  readonly change: ChangeKind;
  readonly before: Decision;
  readonly after: Decision;
}

/** How many requests of a caller changed, by kind. */
export type CallerChange = { readonly caller: CallerId } & Readonly<Record<ChangeKind, number>>;

/** Compares two policies by what they say of the same requests. A rejection for another reason is no change. */
export function diffPolicies(
  before: CompiledPolicy,
  after: CompiledPolicy,
  recorded: readonly RecordedRequest[],
): PolicyDiff {
  const changes = recorded.flatMap((one, index) => {
    const [was, is] = [decide(before, one.caller, one.request), decide(after, one.caller, one.request)];
    const change = changeOf(was, is);
    return change === undefined ? [] : [{ ...one, index, change, before: was, after: is }];
  });
  return { same: recorded.length - changes.length, changes, callers: byCaller(changes) };
}

function changeOf(before: Decision, after: Decision): ChangeKind | undefined {
  if (before.kind === "rejected") return after.kind === "rejected" ? undefined : "gained";
  if (after.kind === "rejected") return "lost";
  return canonicalJson(before) === canonicalJson(after) ? undefined : "different";
}

function byCaller(changes: readonly DecisionChange[]): readonly CallerChange[] {
  const counts = new Map<CallerId, CallerChange>();
  for (const { caller, change } of changes) {
    const sofar = counts.get(caller.id) ?? { caller: caller.id, gained: 0, lost: 0, different: 0 };
    counts.set(caller.id, { ...sofar, [change]: sofar[change] + 1 });
  }
  return [...counts.values()];
}

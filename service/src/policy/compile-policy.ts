import type { CallerId } from "../callers/caller.ts";
import { type TextSet, textSetOf } from "../kernel/patterns/text-set.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import { type MaximumRights, maximumOf } from "../scopes/bound.ts";
import type { Rights } from "../scopes/meaning.ts";
import { canonicalJson } from "./canonical-json.ts";
import { faultsOfRules } from "./check-rules.ts";
import type { Deny, Grant, Policy, PolicyRules } from "./policy.ts";
import { type CallerFault, POLICY_BOUNDS, type PolicyFault } from "./policy-faults.ts";
import { hashPolicy, type PolicyHash } from "./policy-hash.ts";

/** A policy ready for decisions: the rules of each caller are looked up, so a decision costs the same with any number of callers. */
export interface CompiledPolicy {
  readonly hash: PolicyHash;
  readonly rules: PolicyRules;
  readonly grantsByCaller: ReadonlyMap<CallerId, readonly CompiledGrant[]>;
  /** The denies that name their callers. */
  readonly deniesByCaller: ReadonlyMap<CallerId, readonly CompiledDeny[]>;
  readonly deniesForAll: readonly CompiledDeny[];
}

export interface CompiledGrant {
  readonly grant: Grant;
  readonly senders: TextSet;
  readonly audiences: TextSet;
  readonly algorithms: readonly Algorithm[] | undefined;
  readonly claims: readonly (readonly [name: string, values: TextSet])[];
  readonly most: MaximumRights;
}

export interface CompiledDeny {
  readonly deny: Deny;
  readonly senders: TextSet | undefined;
  readonly audiences: TextSet | undefined;
}

/** A policy that was compiled, or every reason why it cannot be. */
export type CompiledOrFaults =
  | { readonly kind: "compiled"; readonly policy: CompiledPolicy }
  | { readonly kind: "invalid"; readonly faults: readonly PolicyFault[] };

/** Compiles a policy, after its bounds were checked. Nothing of an invalid policy is skipped: it is rejected as a whole. */
export function compilePolicy(policy: Policy, rules: PolicyRules): CompiledOrFaults {
  const faults = faultsOfRules(policy);
  if (faults.length > 0) return { kind: "invalid", faults };

  const named = policy.denies.filter((deny) => deny.callers !== undefined);
  // Read as a name and not as a pattern: the service's own audience may hold any character.
  const ownAudience: TextSet = { exact: new Set([rules.audience]), patterns: [] };
  const mostOf = sharedMaximums();
  const compiled: CompiledPolicy = {
    hash: hashPolicy(policy),
    rules,
    grantsByCaller: byCaller(
      policy.grants.map((grant) => [grant.callers, compiledGrant(grant, ownAudience, mostOf)] as const),
    ),
    deniesByCaller: byCaller(named.map((deny) => [deny.callers ?? [], compiledDeny(deny)] as const)),
    deniesForAll: policy.denies.filter((deny) => deny.callers === undefined).map(compiledDeny),
  };
  const tooMuch = faultsOfCallers(compiled);
  return tooMuch.length > 0 ? { kind: "invalid", faults: tooMuch } : { kind: "compiled", policy: compiled };
}

/** Most grants of a policy give the same: what they give is read once and held once. */
function sharedMaximums(): (scopes: Rights) => MaximumRights {
  const known = new Map<string, MaximumRights>();
  return (scopes) => {
    const key = canonicalJson(scopes);
    const most = known.get(key) ?? maximumOf(scopes);
    known.set(key, most);
    return most;
  };
}

function compiledGrant(
  grant: Grant,
  ownAudience: TextSet,
  mostOf: (scopes: Rights) => MaximumRights,
): CompiledGrant {
  const { audiences, algorithms, claims } = grant;
  return {
    grant,
    senders: textSetOf(grant.senders).set,
    audiences: audiences === undefined ? ownAudience : textSetOf(audiences).set,
    algorithms,
    claims: Object.entries(claims).map(([name, values]) => [name, textSetOf(values).set]),
    most: mostOf(grant.scopes),
  };
}

function compiledDeny(deny: Deny): CompiledDeny {
  return {
    deny,
    // Denied is also what has an empty segment where a wildcard stands.
    senders: deny.senders && textSetOf(deny.senders, 0).set,
    audiences: deny.audiences && textSetOf(deny.audiences, 0).set,
  };
}

/** The rules of each caller, in their order. Callers with the same rules share one list: it is read by every decision, for any of them. */
function byCaller<Rule>(
  rules: readonly (readonly [callers: readonly CallerId[], rule: Rule])[],
): ReadonlyMap<CallerId, readonly Rule[]> {
  const index = new Map<CallerId, readonly Rule[]>();
  const none: readonly Rule[] = [];
  for (const [callers, rule] of rules) {
    const longer = new Map<readonly Rule[], readonly Rule[]>();
    for (const caller of new Set(callers)) {
      const own = index.get(caller) ?? none;
      const list = longer.get(own) ?? [...own, rule];
      longer.set(own, list);
      index.set(caller, list);
    }
  }
  return index;
}

/** Callers for whom a decision would try too much. */
function faultsOfCallers(policy: CompiledPolicy): readonly CallerFault[] {
  const callers = new Set([...policy.grantsByCaller.keys(), ...policy.deniesByCaller.keys()]);
  return (callers.size === 0 ? [undefined] : [...callers]).flatMap((caller) => {
    const grants = (caller && policy.grantsByCaller.get(caller)) ?? [];
    const denies = [...policy.deniesForAll, ...((caller && policy.deniesByCaller.get(caller)) ?? [])];
    const patterns = [...grants, ...denies].reduce((count, rule) => count + patternsIn(rule), 0);
    return [
      ...tooMany(caller, "too_many_grants", grants.length, POLICY_BOUNDS.grantsPerCaller),
      ...tooMany(caller, "too_many_denies", denies.length, POLICY_BOUNDS.deniesPerCaller),
      ...tooMany(caller, "too_many_patterns", patterns, POLICY_BOUNDS.patternsPerCaller),
    ];
  });
}

function tooMany(
  caller: CallerId | undefined,
  fault: CallerFault["fault"],
  count: number,
  max: number,
): readonly CallerFault[] {
  return count > max ? [{ rule: "caller", caller, fault, count, max }] : [];
}

function patternsIn(rule: CompiledGrant | CompiledDeny): number {
  const claims = "claims" in rule ? rule.claims.map(([, values]) => values) : [];
  return [rule.senders, rule.audiences, ...claims].reduce(
    (count, set) => count + (set?.patterns.length ?? 0),
    0,
  );
}

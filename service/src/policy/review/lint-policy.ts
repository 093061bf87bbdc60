import type { CallerId } from "../../callers/caller.ts";
import { claimsIn, type Pattern, parsePattern } from "../../kernel/patterns/pattern.ts";
import { isSeenWhole } from "../../kernel/printable.ts";
import type { Deny, Grant, Policy } from "../policy.ts";
import { coveringGrant, holdsEvery } from "./covering-grant.ts";

/** What the lint knows of the callers and of the service. */
export interface LintFacts {
  /** The callers that are declared. */
  readonly callers: ReadonlyMap<CallerId, CallerLintFacts>;
  readonly maxTtlSeconds: number;
}

export interface CallerLintFacts {
  /** Neither disabled nor expired. */
  readonly isActive: boolean;
  /** The claims that one of its proofs can carry. */
  readonly claims: ReadonlySet<string>;
  /** A GitHub rule that names a repository without its id: another one may get the name. */
  readonly hasBareGithubSubject: boolean;
}

/** Something in a policy that does nothing, or more than its author may think. */
export type PolicyFinding =
  | ({ readonly rule: "grant" | "deny"; readonly name: string } & RuleFinding)
  | { readonly rule: "caller"; readonly name: CallerId; readonly finding: "bare_github_subject" };

export type RuleFinding =
  /** Dead: nothing comes of the rule. */
  | { readonly finding: "caller_unknown"; readonly caller: CallerId }
  | { readonly finding: "no_active_caller" }
  | { readonly finding: "claim_never_given"; readonly claim: string }
  | { readonly finding: "always_denied"; readonly deny: string }
  /** An earlier grant gives all that this one gives, to all of its callers. */
  | { readonly finding: "shadowed"; readonly by: string }
  /** The service's own maximum is shorter. */
  | { readonly finding: "ttl_beyond_service"; readonly maxTtlSeconds: number }
  /** Over-wide. */
  | { readonly finding: "every_sender" | "every_audience" | "every_mode" | "unlimited_sessions" }
  | { readonly finding: "mode_registry" | "unknown_scopes" | "denies_everything" }
  /** A claim's value beside `*`: `{claims.ns}-*` of `a` is also `a-b-1`, which may be of `a-b`. */
  | { readonly finding: "wildcard_beside_template"; readonly sender: string }
  /** A sender with a character that nobody sees, written out. */
  | { readonly finding: "invisible_sender"; readonly sender: string };

/** Looks at a valid policy for rules that are dead, shadowed or wide. Facts, in the order of the rules; then those of the callers. */
export function lintPolicy(policy: Policy, facts: LintFacts): readonly PolicyFinding[] {
  const ofGrants = policy.grants.flatMap((grant, index) => {
    const findings = [
      ...unknownCallers(grant.callers, facts),
      ...deadGrant(grant, policy.denies, facts),
      ...shadowed(grant, policy.grants.slice(0, index)),
      ...ttlBeyondService(grant, facts),
      ...wideGrant(grant),
      ...wideSenders(grant.senders),
    ];
    return findings.map((finding) => ({ rule: "grant" as const, name: grant.name, ...finding }));
  });
  const ofDenies = policy.denies.flatMap((deny) =>
    [...unknownCallers(deny.callers ?? [], facts), ...wideDeny(deny)].map((finding) => ({
      rule: "deny" as const,
      name: deny.name,
      ...finding,
    })),
  );
  const bare = [...facts.callers].filter(([, { hasBareGithubSubject }]) => hasBareGithubSubject);
  const ofCallers = bare.map(([name]) => ({ rule: "caller", name, finding: "bare_github_subject" }) as const);
  return [...ofGrants, ...ofDenies, ...ofCallers];
}

function unknownCallers(callers: readonly CallerId[], facts: LintFacts): readonly RuleFinding[] {
  const unknown = [...new Set(callers)].filter((caller) => !facts.callers.has(caller));
  return unknown.map((caller) => ({ finding: "caller_unknown", caller }));
}

function deadGrant(grant: Grant, denies: readonly Deny[], facts: LintFacts): readonly RuleFinding[] {
  const active = grant.callers.flatMap((caller) => {
    const known = facts.callers.get(caller);
    return known?.isActive === true ? [known] : [];
  });
  if (active.length === 0) return [{ finding: "no_active_caller" }];
  const deny = denies.find((one) => deniesAll(one, grant));
  const never = neededClaims(grant).filter((claim) => !active.some(({ claims }) => claims.has(claim)));
  return [
    ...(deny === undefined ? [] : [{ finding: "always_denied" as const, deny: deny.name }]),
    ...never.map((claim) => ({ finding: "claim_never_given" as const, claim })),
  ];
}

function deniesAll(deny: Deny, grant: Grant): boolean {
  return (
    (deny.callers === undefined || grant.callers.every((caller) => deny.callers?.includes(caller))) &&
    (deny.senders === undefined || holdsEvery(deny.senders, grant.senders)) &&
    (deny.audiences === undefined ||
      (grant.audiences !== undefined && holdsEvery(deny.audiences, grant.audiences)))
  );
}

/** The claims without which a grant gives nothing: those that it requires, and those of templates in all of its senders. */
function neededClaims(grant: Grant): readonly string[] {
  const templates = grant.senders
    .map((sender) => patternOf(sender))
    .map((found) => (found ? claimsIn(found) : []));
  const [first = [], ...others] = templates;
  const inAll = first.filter((claim) => others.every((claims) => claims.includes(claim)));
  return [...new Set([...Object.keys(grant.claims), ...inAll])];
}

function shadowed(grant: Grant, earlier: readonly Grant[]): readonly RuleFinding[] {
  const by = coveringGrant(grant, earlier);
  return by === undefined ? [] : [{ finding: "shadowed", by: by.name }];
}

function ttlBeyondService({ maxTtlSeconds }: Grant, facts: LintFacts): readonly RuleFinding[] {
  return maxTtlSeconds === undefined || maxTtlSeconds <= facts.maxTtlSeconds
    ? []
    : [{ finding: "ttl_beyond_service", maxTtlSeconds }];
}

function wideGrant(grant: Grant): readonly RuleFinding[] {
  const { scopes, audiences = [] } = grant;
  const wide: readonly (readonly [boolean, RuleFinding])[] = [
    [grant.senders.includes("**"), { finding: "every_sender" }],
    [audiences.includes("**"), { finding: "every_audience" }],
    [scopes.allowed_modes === undefined, { finding: "every_mode" }],
    [scopes.max_open_sessions === undefined, { finding: "unlimited_sessions" }],
    [scopes.can_manage_mode_registry, { finding: "mode_registry" }],
    [grant.unknownScopes === "allow", { finding: "unknown_scopes" }],
  ];
  return wide.flatMap(([isSo, finding]) => (isSo ? [finding] : []));
}

function wideSenders(senders: readonly string[]): readonly RuleFinding[] {
  return senders.flatMap((sender): readonly RuleFinding[] => {
    const pattern = patternOf(sender);
    if (pattern === undefined) return isSeenWhole(sender) ? [] : [{ finding: "invisible_sender", sender }];
    const isBeside = [...pattern.head, ...(pattern.tail ?? [])].some(
      (segment) => segment.length > 1 && segment.some((piece) => typeof piece === "object"),
    );
    return isBeside ? [{ finding: "wildcard_beside_template", sender }] : [];
  });
}

function wideDeny({ callers, senders, audiences }: Deny): readonly RuleFinding[] {
  const isAll = callers === undefined && senders === undefined && audiences === undefined;
  return isAll ? [{ finding: "denies_everything" }] : [];
}

function patternOf(source: string): Pattern | undefined {
  const parsed = parsePattern(source);
  return parsed.kind === "pattern" ? parsed.pattern : undefined;
}

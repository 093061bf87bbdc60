import { claimsIn, parsePattern } from "../kernel/patterns/pattern.ts";
import type { Deny, Grant, Policy } from "./policy.ts";
import { POLICY_BOUNDS, type RuleFault, type RuleFaultKind } from "./policy-faults.ts";

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** What is wrong in a rule, without the place of the rule. */
type FieldFault = Pick<RuleFault, "field" | "item" | "fault">;

/** Every fault of the rules of a policy, each looked at by itself. */
export function faultsOfRules(policy: Policy): readonly RuleFault[] {
  return [
    ...faultsOf("grant", policy.grants, faultsOfGrant),
    ...faultsOf("deny", policy.denies, faultsOfDeny),
  ];
}

function faultsOf<Rule extends { readonly name: string }>(
  rule: RuleFault["rule"],
  rules: readonly Rule[],
  faultsOfOne: (one: Rule) => readonly FieldFault[],
): readonly RuleFault[] {
  const names = new Set<string>();
  return rules.flatMap((one, index) => {
    const { name } = one;
    const isRepeated = names.has(name);
    names.add(name);
    const ofName = NAME.test(name)
      ? isRepeated
        ? ["name_repeated" as const]
        : []
      : ["name_invalid" as const];
    const faults = [...ofName.map((fault) => faulty("name", fault)), ...faultsOfOne(one)];
    return faults.map((fault) => ({ rule, index, name, ...fault }));
  });
}

function faultsOfGrant(grant: Grant): readonly FieldFault[] {
  const { audiences, algorithms, claims, maxTtlSeconds } = grant;
  const { allowed_modes, max_open_sessions } = grant.scopes;
  return [
    ...faultsOfList("callers", grant.callers, POLICY_BOUNDS.callers),
    ...faultsOfPatterns("senders", grant.senders, POLICY_BOUNDS.senders, "templates"),
    ...(audiences === undefined ? [] : faultsOfPatterns("audiences", audiences, POLICY_BOUNDS.audiences)),
    ...(algorithms === undefined ? [] : faultsOfList("algorithms", algorithms, POLICY_BOUNDS.modes)),
    ...faultsOfClaims(claims),
    ...(allowed_modes === undefined ? [] : faultsOfModes(allowed_modes)),
    ...(isWhole(max_open_sessions, 0) ? [] : [faulty("max_open_sessions", "sessions_invalid")]),
    ...(isWhole(maxTtlSeconds, 1) ? [] : [faulty("max_ttl_seconds", "ttl_invalid")]),
  ];
}

function faultsOfDeny({ callers, senders, audiences }: Deny): readonly FieldFault[] {
  return [
    ...(callers === undefined ? [] : faultsOfList("callers", callers, POLICY_BOUNDS.callers)),
    ...(senders === undefined ? [] : faultsOfPatterns("senders", senders, POLICY_BOUNDS.senders)),
    ...(audiences === undefined ? [] : faultsOfPatterns("audiences", audiences, POLICY_BOUNDS.audiences)),
  ];
}

function faultsOfList(field: string, list: readonly unknown[], max: number): readonly FieldFault[] {
  if (list.length === 0) return [faulty(field, "list_empty")];
  return list.length > max ? [faulty(field, "list_too_long")] : [];
}

function faultsOfPatterns(
  field: string,
  sources: readonly string[],
  max: number,
  templates?: "templates",
): readonly FieldFault[] {
  const ofEach = sources.flatMap((source, item) => {
    const parsed = parsePattern(source);
    if (parsed.kind === "invalid") return [faulty(field, parsed.fault, item)];
    const hasTemplate = parsed.kind === "pattern" && claimsIn(parsed.pattern).length > 0;
    return hasTemplate && templates === undefined ? [faulty(field, "template_not_allowed", item)] : [];
  });
  return [...faultsOfList(field, sources, max), ...ofEach];
}

function faultsOfClaims(claims: Grant["claims"]): readonly FieldFault[] {
  const named = Object.entries(claims);
  const ofEach = named.flatMap(([claim, values]) =>
    faultsOfPatterns("claims", values, POLICY_BOUNDS.claimValues).map((fault) => ({ ...fault, item: claim })),
  );
  return named.length > POLICY_BOUNDS.claims ? [faulty("claims", "list_too_long"), ...ofEach] : ofEach;
}

/** An empty mode is one: the runtime asks it for signals that belong to no session. An empty list allows no mode. */
function faultsOfModes(modes: readonly string[]): readonly FieldFault[] {
  const ofEach = modes.flatMap((mode, item) =>
    mode.isWellFormed() && mode.length <= POLICY_BOUNDS.modeChars
      ? []
      : [faulty("allowed_modes", "mode_invalid", item)],
  );
  return modes.length > POLICY_BOUNDS.modes ? [faulty("allowed_modes", "list_too_long"), ...ofEach] : ofEach;
}

function isWhole(value: number | undefined, min: number): boolean {
  return value === undefined || (Number.isSafeInteger(value) && value >= min);
}

function faulty(field: string, fault: RuleFaultKind, item?: number): FieldFault {
  return { field, item, fault };
}

import { type CallerId, parseCallerId } from "../callers/caller.ts";
import { parseSender, type Sender } from "../kernel/ids.ts";
import { type CompiledPolicy, compilePolicy } from "../policy/compile-policy.ts";
import { type Decision, decide } from "../policy/decide.ts";
import type { PolicyCaller, PolicyRequest } from "../policy/judge-grant.ts";
import type { Deny, Grant, Policy, PolicyRules } from "../policy/policy.ts";

export const TEST_RULES: PolicyRules = {
  audience: "macp-runtime",
  defaultTtlSeconds: 300,
  maxTtlSeconds: 3_600,
};

/** The ids of callers. */
export function ids(...names: readonly string[]): readonly CallerId[] {
  return names.map((name) => {
    const id = parseCallerId(name);
    if (id === undefined) throw new Error(`${name} is no id of a caller`);
    return id;
  });
}

/** A grant of everything for the caller `ci` and the sender `agent://planner`, with the members that are given. */
export function testGrant(members: Partial<Grant>): Grant {
  return {
    name: "g",
    callers: ids("ci"),
    senders: ["agent://planner"],
    scopes: {
      can_start_sessions: true,
      can_manage_mode_registry: true,
      is_observer: true,
      allowed_modes: undefined,
      max_open_sessions: undefined,
    },
    unknownScopes: "deny",
    maxTtlSeconds: undefined,
    audiences: undefined,
    algorithms: undefined,
    claims: {},
    onExcess: "reject",
    ...members,
  };
}

/** A deny of everything, with the members that are given. */
export function testDeny(members: Partial<Deny>): Deny {
  return { name: "d", callers: undefined, senders: undefined, audiences: undefined, ...members };
}

/** A policy with a name of its own for each rule that has that of another one. */
export function policyOf({ grants = [], denies = [] }: Partial<Policy>): Policy {
  return { grants: named(grants), denies: named(denies) };
}

function named<Rule extends { readonly name: string }>(rules: readonly Rule[]): readonly Rule[] {
  return rules.map((rule, index) => {
    const name = rule.name.replaceAll(" ", "-");
    const isRepeated = rules.findIndex((other) => other.name === rule.name) !== index;
    return isRepeated ? { ...rule, name: `${name}${String(index)}` } : rule;
  });
}

/** A compiled policy; throws when it is none. */
export function compiledPolicy(policy: Partial<Policy>, rules: PolicyRules = TEST_RULES): CompiledPolicy {
  const compiled = compilePolicy(policyOf(policy), rules);
  if (compiled.kind === "invalid") throw new Error(JSON.stringify(compiled.faults));
  return compiled.policy;
}

/** A request in parts: by default the caller `ci` asks for `agent://planner` and nothing else. */
export interface TestRequest extends Partial<Omit<PolicyRequest, "sender">> {
  readonly caller?: string;
  readonly claims?: PolicyCaller["claims"];
  readonly sender?: string;
}

/** The sender of that name. */
export function senderOf(name: string): Sender {
  const sender = parseSender(name);
  if (sender === undefined) throw new Error(`${JSON.stringify(name)} is no sender`);
  return sender;
}

/** The caller and the request that the parts describe. */
export function askedBy(parts: TestRequest): readonly [PolicyCaller, PolicyRequest] {
  const { caller = "ci", claims = {}, sender = "agent://planner", scopes = {} } = parts;
  const { ttlSeconds, audience, alg = "ES256" } = parts;
  return [
    { id: caller as CallerId, claims },
    { sender: senderOf(sender), scopes, ttlSeconds, audience, alg },
  ];
}

/** What a policy says of a request. */
export function testDecision(policy: Partial<Policy>, request: TestRequest): Decision {
  return decide(compiledPolicy(policy), ...askedBy(request));
}

import type { PolicyCaller, PolicyRequest } from "../../policy/judge-grant.ts";
import type { Grant, Policy, PolicyRules } from "../../policy/policy.ts";
import { type Rights, rightsOf } from "../../scopes/meaning.ts";
import { naiveMatch, naiveSender } from "./naive-pattern.ts";

/** The policy once more, in the plainest way and some 40 lines: no index, and every grant is worked out to its end. */
export function oracle(
  policy: Policy,
  rules: PolicyRules,
  caller: PolicyCaller,
  request: PolicyRequest,
): object {
  const { sender, audience = rules.audience } = request;
  const claims = new Map(Object.entries(caller.claims));
  const fits = (list: readonly string[] | undefined, text: string) =>
    list === undefined || list.some((pattern) => naiveMatch(pattern, text, new Map()));
  const isDenied = policy.denies.some(
    (deny) =>
      (deny.callers ?? [caller.id]).includes(caller.id) &&
      fits(deny.senders, sender) &&
      fits(deny.audiences, audience),
  );
  if (isDenied) return { kind: "rejected", reason: "denied" };
  const asked = Math.min(request.ttlSeconds ?? rules.defaultTtlSeconds, rules.maxTtlSeconds);
  const ttl = Math.max(1, Math.floor(asked));
  const tries = policy.grants.filter((grant) => grant.callers.includes(caller.id)).map(tried);
  const open = tries.filter(({ failed }) => failed === undefined);
  const best = open.find(({ decision }) => decision.narrowed.length === 0) ?? open[0];
  const nearest = REASONS.findLast((reason) => tries.some(({ failed }) => failed === reason));
  return best?.decision ?? { kind: "rejected", reason: nearest ?? "no_grant" };

  function tried(grant: Grant) {
    const { scopes, more } = given(request.scopes, grant.scopes);
    const isLong = request.ttlSeconds !== undefined && ttl > (grant.maxTtlSeconds ?? ttl);
    const passes = [
      grant.senders.some((pattern) => naiveSender(pattern, sender, claims)),
      Object.entries(grant.claims).every(
        ([name, list]) => claims.has(name) && fits(list, claims.get(name) ?? ""),
      ),
      fits(grant.audiences ?? [rules.audience], audience),
      grant.algorithms?.includes(request.alg) ?? true,
      rightsOf(request.scopes) !== undefined,
      grant.onExcess === "narrow" || more.length === 0,
      grant.unknownScopes === "allow" || Object.keys(request.scopes).every((name) => name in scopes),
      grant.onExcess === "narrow" || !isLong,
    ];
    const narrowed = isLong ? [...more, "ttl_seconds"] : more;
    const all = { ...request.scopes, ...scopes };
    const ttlSeconds = Math.min(ttl, grant.maxTtlSeconds ?? ttl);
    const decision = { kind: "granted", grant: grant.name, scopes: all, ttlSeconds, audience, narrowed };
    return { failed: REASONS[passes.indexOf(false)], decision };
  }
}

/** What a grant gives of the scopes that are asked for, and where that is less. */
function given(asked: Readonly<Record<string, unknown>>, most: Rights) {
  const modes = asked["allowed_modes"];
  const sessions = [asked["max_open_sessions"], most.max_open_sessions].filter((count) => count != null);
  const scopes: Record<string, unknown> = {
    can_start_sessions: asked["can_start_sessions"] !== false && most.can_start_sessions,
    can_manage_mode_registry: asked["can_manage_mode_registry"] === true && most.can_manage_mode_registry,
    is_observer: asked["is_observer"] === true && most.is_observer,
    allowed_modes: Array.isArray(modes)
      ? modes.filter((mode) => most.allowed_modes?.includes(mode as string) ?? true)
      : (most.allowed_modes ?? null),
    max_open_sessions: sessions.length === 0 ? null : Math.min(...sessions.map(Number)),
  };
  const more = Object.keys(scopes).filter(
    (name) => asked[name] != null && JSON.stringify(asked[name]) !== JSON.stringify(scopes[name]),
  );
  return { scopes, more };
}

const REASONS = [
  "sender_not_granted",
  "claims_not_met",
  "audience_not_granted",
  "algorithm_not_granted",
  "scopes_unreadable",
  "scopes_exceeded",
  "unknown_scope",
  "ttl_exceeded",
];

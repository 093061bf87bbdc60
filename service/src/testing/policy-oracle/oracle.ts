import { isDeepStrictEqual as isSame } from "node:util";
import type { PolicyCaller, PolicyRequest } from "../../policy/judge-grant.ts";
import type { Policy, PolicyRules } from "../../policy/policy.ts";
import { rightsOf } from "../../scopes/meaning.ts";
import { naiveMatch, naiveSender } from "./naive-pattern.ts";

/** The policy once more, in the plainest way and at most forty lines: no index, and every grant is worked out to its end. */
export function oracle(policy: Policy, rules: PolicyRules, who: PolicyCaller, asked: PolicyRequest): object {
  const { sender, scopes, audience = rules.audience, ttlSeconds = rules.defaultTtlSeconds } = asked;
  const [claims, want] = [new Map(Object.entries(who.claims)), rightsOf(scopes)];
  const ttl = Math.max(1, Math.floor(Math.min(ttlSeconds, rules.maxTtlSeconds)));
  const has = (list: readonly string[] | undefined, text: string | undefined, star?: string) =>
    list === undefined || (text !== undefined && list.some((one) => naiveMatch(one, text, new Map(), star)));
  const denies = policy.denies.filter(({ callers }) => callers?.includes(who.id) ?? true);
  if (denies.some((deny) => has(deny.senders, sender, "[^/]*") && has(deny.audiences, audience, "[^/]*")))
    return { kind: "rejected", reason: "denied" };

  const grants = policy.grants.filter(({ callers }) => callers.includes(who.id));
  const tries = grants.map(({ name: grant, scopes: most, ...rest }) => {
    const limits: Readonly<Record<string, unknown>> = { ...most };
    const rights = Object.entries(want ?? most).map(([name, right]) => [name, least(right, limits[name])]);
    const given = Object.fromEntries(rights) as typeof limits;
    const less = Object.keys(given).filter((name) => !isSame(scopes[name] ?? given[name], given[name]));
    const seconds = Math.min(ttl, rest.maxTtlSeconds ?? ttl);
    const narrowed = asked.ttlSeconds === undefined || seconds === ttl ? less : [...less, "ttl_seconds"];
    const passed = {
      sender_not_granted: rest.senders.some((one) => naiveSender(one, sender, claims)),
      claims_not_met: Object.entries(rest.claims).every(([name, list]) => has(list, claims.get(name))),
      audience_not_granted: has(rest.audiences ?? [rules.audience], audience),
      algorithm_not_granted: rest.algorithms?.includes(asked.alg) ?? true,
      scopes_unreadable: want !== undefined,
      scopes_exceeded: rest.onExcess === "narrow" || less.length === 0,
      unknown_scope: rest.unknownScopes === "allow" || Object.keys(scopes).every((name) => name in given),
      ttl_exceeded: rest.onExcess === "narrow" || narrowed.length === less.length,
    };
    const token = { scopes: { ...scopes, ...given }, ttlSeconds: seconds, audience, narrowed };
    return { passed, token: { kind: "granted", grant, ...token } };
  });
  const failed = tries.map(({ passed }) => Object.values(passed).indexOf(false));
  const open = tries.filter((_, index) => failed[index] === -1);
  const best = open.find(({ token }) => token.narrowed.length === 0) ?? open[0];
  const nearest = Object.keys(tries[0]?.passed ?? {})[Math.max(...failed)];
  return best?.token ?? { kind: "rejected", reason: nearest ?? "no_grant" };
}

/** The lesser of two switches, lists or counts; `undefined`, which is no limit, sorts last. */
function least(one: unknown, other: unknown): unknown {
  if (Array.isArray(one) && Array.isArray(other)) return one.filter((mode) => other.includes(mode));
  return [one, other].sort((a, b) => Number(a) - Number(b))[0] ?? null;
}

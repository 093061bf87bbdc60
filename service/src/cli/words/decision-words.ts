import type { Decision, Rejection } from "../../policy/decide.ts";
import type { Miss } from "../../policy/judge-grant.ts";
import { shown } from "../terminal/shown.ts";

/** Why one grant does not give a token. */
export function missText(miss: Miss): string {
  switch (miss.reason) {
    case "sender_not_granted":
      return "the sender matches none of its senders";
    case "claims_not_met":
      return `the proof does not have the claim ${shown(miss.claim)} with a value that it requires`;
    case "audience_not_granted":
      return "the audience matches none of its audiences";
    case "algorithm_not_granted":
      return "it does not allow the signing algorithm";
    case "scopes_unreadable":
      return "the runtime would reject a token with these scopes";
    case "scopes_exceeded":
      return `the request names more than it gives: ${miss.fields.join(", ")}`;
    case "unknown_scope":
      return `it does not pass on scopes that the runtime does not know: ${miss.fields.map((field) => shown(field)).join(", ")}`;
    case "ttl_exceeded":
      return `the requested TTL is ${String(miss.ttlSeconds)} s, and it gives at most ${String(miss.maxTtlSeconds)} s`;
  }
}

/** Why a policy gives no token. */
export function rejectionText(rejection: Rejection): string {
  switch (rejection.reason) {
    case "denied":
      return `the deny ${rejection.rule} matches`;
    case "no_grant":
      return "no grant names the caller";
    default:
      return `no grant gives it; the nearest is ${rejection.rule}: ${missText(rejection)}`;
  }
}

/** A decision for a program. */
export function decisionDocument(decision: Decision): object {
  if (decision.kind === "rejected") return { kind: decision.kind, ...rejectionDocument(decision) };
  const { kind, grant, scopes, ttlSeconds, audience, narrowed } = decision;
  return { kind, grant, scopes, ttl_seconds: ttlSeconds, audience, narrowed };
}

function rejectionDocument(rejection: Rejection): object {
  if (rejection.reason === "no_grant") return { reason: rejection.reason };
  if (rejection.reason === "denied") return { reason: rejection.reason, rule: rejection.rule };
  const { rule, ...miss } = rejection;
  return { rule, ...missDocument(miss) };
}

/** A miss for a program. */
export function missDocument(miss: Miss): object {
  return miss.reason === "ttl_exceeded"
    ? { reason: miss.reason, ttl_seconds: miss.ttlSeconds, max_ttl_seconds: miss.maxTtlSeconds }
    : miss;
}

import type { CallerId, ProofClaims } from "../callers/caller.ts";
import type { Sender } from "../kernel/ids.ts";
import { type SegmentedText, segmented } from "../kernel/patterns/match-pattern.ts";
import { holds, matchesSome } from "../kernel/patterns/text-set.ts";
import { isSeenWhole } from "../kernel/printable.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import { type AskedRights, askedRights, exceededFields, unknownMembers } from "../scopes/bound.ts";
import type { ScopeField, Scopes } from "../scopes/scopes.ts";
import type { CompiledGrant } from "./compile-policy.ts";
import type { PolicyRules } from "./policy.ts";
import { grantedTtlSeconds } from "./ttl.ts";

/** Who asks for a token: what a policy looks at of a caller. */
export interface PolicyCaller {
  readonly id: CallerId;
  readonly claims: ProofClaims;
}

/** What is asked for. */
export interface PolicyRequest {
  readonly sender: Sender;
  readonly scopes: Scopes;
  /** As requested: positive and finite. `undefined`: not requested. */
  readonly ttlSeconds: number | undefined;
  /** `undefined`: the service's own. */
  readonly audience: string | undefined;
  /** What the token will be signed with. */
  readonly alg: Algorithm;
}

/** A caller and its request, read once for all grants. */
export interface Inquiry {
  readonly claims: ProofClaims;
  readonly sender: SegmentedText;
  readonly audience: SegmentedText;
  readonly alg: Algorithm;
  readonly scopes: Scopes;
  /** `undefined`: the runtime would reject the whole token for its scopes. */
  readonly asked: AskedRights | undefined;
  readonly unknownScopes: readonly string[];
  /** Within the service's own bounds. */
  readonly ttlSeconds: number;
  readonly isTtlRequested: boolean;
}

/** Reads a request. */
export function inquiryOf(rules: PolicyRules, caller: PolicyCaller, request: PolicyRequest): Inquiry {
  return {
    claims: caller.claims,
    sender: segmented(request.sender),
    audience: segmented(request.audience ?? rules.audience),
    alg: request.alg,
    scopes: request.scopes,
    asked: askedRights(request.scopes),
    unknownScopes: unknownMembers(request.scopes),
    ttlSeconds: grantedTtlSeconds(request.ttlSeconds, rules),
    isTtlRequested: request.ttlSeconds !== undefined,
  };
}

/** Why a grant does not allow a token, in the order in which a grant is tried: a later reason is a nearer miss. */
export type Miss =
  | { readonly reason: "sender_not_granted" }
  /** The first claim that is not met. */
  | { readonly reason: "claims_not_met"; readonly claim: string }
  | { readonly reason: "audience_not_granted" }
  | { readonly reason: "algorithm_not_granted" }
  | { readonly reason: "scopes_unreadable" }
  | { readonly reason: "scopes_exceeded"; readonly fields: readonly ScopeField[] }
  | { readonly reason: "unknown_scope"; readonly fields: readonly string[] }
  | { readonly reason: "ttl_exceeded"; readonly ttlSeconds: number; readonly maxTtlSeconds: number };

/** The reasons of misses, the farthest first. */
export const MISS_REASONS = [
  "sender_not_granted",
  "claims_not_met",
  "audience_not_granted",
  "algorithm_not_granted",
  "scopes_unreadable",
  "scopes_exceeded",
  "unknown_scope",
  "ttl_exceeded",
] as const satisfies readonly Miss["reason"][];

/** A part of a token that a narrowing grant gives less of than was asked for. */
export type NarrowedField = ScopeField | "ttl_seconds";

/** What one grant says of a request. */
export type Judgement =
  | { readonly kind: "allows"; readonly asked: AskedRights }
  /** It gives less than was asked for by name, and it narrows. */
  | { readonly kind: "narrows"; readonly asked: AskedRights; readonly narrowed: readonly NarrowedField[] }
  | { readonly kind: "misses"; readonly miss: Miss };

/** Shared: most grants that are tried are of another sender. */
const OF_ANOTHER_SENDER: Judgement = { kind: "misses", miss: { reason: "sender_not_granted" } };

/** Tries one grant: does it apply, and does it give what is asked for? */
export function judgeGrant(compiled: CompiledGrant, inquiry: Inquiry): Judgement {
  if (!isSenderGranted(compiled, inquiry)) return OF_ANOTHER_SENDER;
  const miss = missOfApplying(compiled, inquiry);
  if (miss !== undefined) return { kind: "misses", miss };
  const { asked } = inquiry;
  return asked === undefined
    ? { kind: "misses", miss: { reason: "scopes_unreadable" } }
    : judgeExcess(compiled, inquiry, asked);
}

/** Why a grant of the sender does not apply to a request, whatever scopes and TTL it asks for. */
function missOfApplying(compiled: CompiledGrant, inquiry: Inquiry): Miss | undefined {
  const unmet = compiled.claims.find(([name, values]) => {
    const value = Object.hasOwn(inquiry.claims, name) ? inquiry.claims[name] : undefined;
    return value === undefined || !holds(values, segmented(value));
  });
  if (unmet !== undefined) return { reason: "claims_not_met", claim: unmet[0] };
  if (!holds(compiled.audiences, inquiry.audience)) return { reason: "audience_not_granted" };
  return compiled.algorithms?.includes(inquiry.alg) === false
    ? { reason: "algorithm_not_granted" }
    : undefined;
}

/** A wildcard never stands for a character that nobody sees, such as a space at the end: two agents that look alike would be two (RFC 9700 section 4.15). */
function isSenderGranted({ senders }: CompiledGrant, { sender, claims }: Inquiry): boolean {
  if (senders.exact.has(sender.text)) return true;
  return matchesSome(senders.patterns, sender, claims) && isSeenWhole(sender.text);
}

function judgeExcess({ grant, most }: CompiledGrant, inquiry: Inquiry, asked: AskedRights): Judgement {
  const isNarrowing = grant.onExcess === "narrow";
  const fields = exceededFields(asked, most);
  if (fields.length > 0 && !isNarrowing)
    return { kind: "misses", miss: { reason: "scopes_exceeded", fields } };
  if (inquiry.unknownScopes.length > 0 && grant.unknownScopes === "deny")
    return { kind: "misses", miss: { reason: "unknown_scope", fields: inquiry.unknownScopes } };
  const ttl = ttlExcess(grant, inquiry);
  if (ttl !== undefined && !isNarrowing) return { kind: "misses", miss: ttl };
  const narrowed = ttl === undefined ? fields : [...fields, "ttl_seconds" as const];
  return narrowed.length === 0 ? { kind: "allows", asked } : { kind: "narrows", asked, narrowed };
}

/** A TTL that was requested, and is longer than the grant's maximum after the service's own. */
function ttlExcess({ maxTtlSeconds }: CompiledGrant["grant"], inquiry: Inquiry): Miss | undefined {
  const { ttlSeconds, isTtlRequested } = inquiry;
  return maxTtlSeconds !== undefined && isTtlRequested && ttlSeconds > maxTtlSeconds
    ? { reason: "ttl_exceeded", ttlSeconds, maxTtlSeconds }
    : undefined;
}

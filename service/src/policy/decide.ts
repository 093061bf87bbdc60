import { holds } from "../kernel/patterns/text-set.ts";
import { type AskedRights, boundedScopes } from "../scopes/bound.ts";
import type { Scopes } from "../scopes/scopes.ts";
import type { CompiledDeny, CompiledGrant, CompiledPolicy } from "./compile-policy.ts";
import {
  type Inquiry,
  inquiryOf,
  judgeGrant,
  MISS_REASONS,
  type Miss,
  type NarrowedField,
  type PolicyCaller,
  type PolicyRequest,
} from "./judge-grant.ts";

/** What a policy says of a request: the token that may be minted, or why there is none. */
export type Decision =
  | {
      readonly kind: "granted";
      /** The name of the grant that allows the token. */
      readonly grant: string;
      /** All five fields that the runtime reads, written out; null in them is no limit. */
      readonly scopes: Scopes;
      readonly ttlSeconds: number;
      readonly audience: string;
      /** Where the token gives less than was asked for by name. */
      readonly narrowed: readonly NarrowedField[];
    }
  | ({ readonly kind: "rejected" } & Rejection);

/** Why a policy allows no token. `rule`: the deny that matched, or the grant that missed nearest; `undefined`: the caller has no grant. */
export type Rejection =
  | { readonly reason: "denied"; readonly rule: string }
  | { readonly reason: "no_grant"; readonly rule: undefined }
  | (Miss & { readonly rule: string });

/** Why a policy allows no token, as a closed set. */
export type RejectionReason = Rejection["reason"];

/** All reasons, for tables and metrics. */
export const REJECTION_REASONS = [
  "denied",
  "no_grant",
  ...MISS_REASONS,
] as const satisfies readonly RejectionReason[];

/**
 * Decides on one request. A deny that matches wins. Then the caller's grants are tried in their order: the first one that gives
 * all that is asked for by name, else the first one that narrows; else the nearest miss is the reason. Pure.
 */
export function decide(policy: CompiledPolicy, caller: PolicyCaller, request: PolicyRequest): Decision {
  const inquiry = inquiryOf(policy.rules, caller, request);
  const denied = deniesOf(policy, caller).find((deny) => denyMatches(deny, inquiry));
  if (denied !== undefined) return { kind: "rejected", reason: "denied", rule: denied.deny.name };

  return decideByGrants(policy.grantsByCaller.get(caller.id) ?? [], inquiry);
}

function decideByGrants(grants: readonly CompiledGrant[], inquiry: Inquiry): Decision {
  let narrowing: Decision | undefined;
  let nearest: { readonly miss: Miss; readonly rule: string } | undefined;
  for (const compiled of grants) {
    const judgement = judgeGrant(compiled, inquiry);
    switch (judgement.kind) {
      case "allows":
        return granted(compiled, inquiry, judgement.asked, []);
      case "narrows":
        narrowing ??= granted(compiled, inquiry, judgement.asked, judgement.narrowed);
        break;
      default:
        if (nearest === undefined || isNearer(judgement.miss, nearest.miss))
          nearest = { miss: judgement.miss, rule: compiled.grant.name };
    }
  }
  if (narrowing !== undefined) return narrowing;
  return nearest === undefined
    ? { kind: "rejected", reason: "no_grant", rule: undefined }
    : { kind: "rejected", ...nearest.miss, rule: nearest.rule };
}

/** The denies that a caller's requests are compared with: those for all callers before those that name it. */
export function deniesOf(policy: CompiledPolicy, { id }: PolicyCaller): readonly CompiledDeny[] {
  const own = policy.deniesByCaller.get(id);
  return own === undefined ? policy.deniesForAll : [...policy.deniesForAll, ...own];
}

/** Whether a deny of the caller matches what is asked for. */
export function denyMatches({ senders, audiences }: CompiledDeny, { sender, audience }: Inquiry): boolean {
  return (
    (senders === undefined || holds(senders, sender)) &&
    (audiences === undefined || holds(audiences, audience))
  );
}

/** Whether the first miss came later in the order in which a grant is tried. */
export function isNearer(one: Miss, other: Miss): boolean {
  // Most grants of a caller are of other senders.
  if (one.reason === other.reason) return false;
  return MISS_REASONS.indexOf(one.reason) > MISS_REASONS.indexOf(other.reason);
}

function granted(
  { grant, most }: CompiledGrant,
  { scopes, unknownScopes, ttlSeconds, audience }: Inquiry,
  asked: AskedRights,
  narrowed: readonly NarrowedField[],
): Decision {
  return {
    kind: "granted",
    grant: grant.name,
    scopes: boundedScopes(scopes, asked, most, unknownScopes),
    ttlSeconds: Math.min(ttlSeconds, grant.maxTtlSeconds ?? ttlSeconds),
    audience: audience.text,
    narrowed,
  };
}

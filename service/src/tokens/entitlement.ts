import type { Caller } from "../callers/caller.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import type { CompiledPolicy } from "../policy/compile-policy.ts";
import { type Decision, decide } from "../policy/decide.ts";
import { grantedTtlSeconds, type TtlRules } from "../policy/ttl.ts";
import type { Scopes } from "../scopes/scopes.ts";
import type { MintRequest } from "./mint-request.ts";

/** Which policy a mint is under. */
export type PolicyInForce =
  /** A caller may have what it asks for, within the rules of all tokens. */
  | { readonly kind: "none" }
  /** The same, and what the policy would decide is known. */
  | { readonly kind: "observed"; readonly policy: CompiledPolicy }
  | { readonly kind: "enforced"; readonly policy: CompiledPolicy };

/** No policy: shared, since most mints without callers are under it. */
export const NO_POLICY: PolicyInForce = { kind: "none" };

/** What the token of a request may say. */
export interface Entitlement {
  readonly scopes: Scopes;
  readonly ttlSeconds: number;
  readonly audience: string;
}

/** What the policy decides; `undefined`: there is none, or nobody proved who calls. */
export function decisionOn(
  inForce: PolicyInForce,
  caller: Caller,
  request: MintRequest,
  alg: Algorithm,
): Decision | undefined {
  if (inForce.kind === "none" || caller.kind !== "declared") return undefined;
  const { sender, scopes, ttlSeconds, audience } = request;
  return decide(inForce.policy, caller, { sender, scopes, ttlSeconds, audience, alg });
}

/** What the caller is entitled to; `undefined`: to no token. An enforced policy that decided nothing allows nothing. */
export function entitledTo(
  inForce: PolicyInForce,
  decision: Decision | undefined,
  { scopes, ttlSeconds }: MintRequest,
  rules: TtlRules & { readonly audience: string },
): Entitlement | undefined {
  if (inForce.kind === "enforced") return decision?.kind === "granted" ? decision : undefined;
  return { scopes, ttlSeconds: grantedTtlSeconds(ttlSeconds, rules), audience: rules.audience };
}

import { after, type Clock, epochSeconds } from "../kernel/clock.ts";
import type { CallerEntry } from "./declared/registry.ts";
import { keysFor } from "./foreign/choose-keys.ts";
import type { CompactJws } from "./foreign/compact-jws.ts";
import { type ForeignClaims, faultOfTimes, isForAudience, SKEW_SECONDS } from "./foreign/foreign-claims.ts";
import { isSignedByOne } from "./foreign/verify-signature.ts";
import { firstFault, type ProofCheck, type Proved, whyNotNow } from "./proved.ts";
import { type Rejected, rejected } from "./rejection.ts";
import type { UsedAssertions } from "./used-assertions.ts";

/** How far ahead the `exp` of an assertion may be. */
const ASSERTION_LIFE_SECONDS_MAX = 300;

const JTI_CHARS_MAX = 256;
const TYPES: readonly (string | undefined)[] = [undefined, "jwt", "client-authentication+jwt"];

export interface AssertionDeps {
  readonly ownIssuer: string;
  readonly usedAssertions: UsedAssertions;
  readonly clock: Clock;
}

/**
 * A client assertion (private_key_jwt, RFC 7523 section 3): signed by a key of the caller that it names, for our issuer as the only
 * audience, with an `exp` at most 5 minutes ahead, and used once. What uses it up is the last step.
 */
export async function checkAssertion(
  deps: AssertionDeps,
  caller: CallerEntry,
  jws: CompactJws,
  claims: ForeignClaims,
): Promise<Proved | Rejected> {
  const facts = { callerId: caller.id, subject: claims.sub };
  const keys = keysFor(caller.assertionKeys, jws);
  if (keys.length === 0) return rejected("key_unknown", facts);
  if (!(await isSignedByOne(jws, keys))) return rejected("signature_invalid", facts);
  const fault = firstFault(checksOfAssertion(deps.ownIssuer, jws, claims, deps.clock.now()));
  if (fault !== undefined) return rejected(fault, facts);
  // A caller that may not call uses nothing up; `authenticate` says why.
  const { jti = "", exp = 0 } = claims;
  const ended = whyNotNow(caller, deps.clock.now());
  if (ended !== undefined) return rejected(ended, facts);
  const until = after(epochSeconds(Math.ceil(exp)), SKEW_SECONDS);
  const use = await deps.usedAssertions.insert(caller.id, jti, until);
  if (use !== "fresh") return rejected("assertion_replayed", facts);
  return { kind: "proved", caller, proof: "private_key_jwt", claims: {} };
}

/** The checks of an assertion beside its signature and its single use, each with what is wrong. */
export function checksOfAssertion(
  ownIssuer: string,
  { typ }: CompactJws,
  claims: ForeignClaims,
  now: number,
): readonly ProofCheck[] {
  const { exp = 0, jti = "" } = claims;
  const isTooFar = exp > now + ASSERTION_LIFE_SECONDS_MAX + SKEW_SECONDS;
  const times = faultOfTimes(claims, now, Number.POSITIVE_INFINITY);
  const isId = jti !== "" && jti.length <= JTI_CHARS_MAX;
  return [
    { check: "type", fault: TYPES.includes(typ) ? undefined : "token_type_not_allowed" },
    { check: "audience", fault: isForAudience(claims, ownIssuer, false) ? undefined : "audience_mismatch" },
    { check: "times", fault: times ?? (isTooFar ? "token_too_long" : undefined) },
    { check: "assertion_id", fault: isId ? undefined : "assertion_id_missing" },
  ];
}

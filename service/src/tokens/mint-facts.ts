import { hash } from "node:crypto";
import { type Caller, type CallerId, UNPROVED_CALLER } from "../callers/caller.ts";
import type { SigningKey } from "../keys/key-view.ts";
import type { MintFacts, RequestFacts } from "../ledger/entry.ts";
import type { Decision } from "../policy/decide.ts";
import type { ScopeField } from "../scopes/scopes.ts";
import type { StatusPlace } from "../status-lists/status-place.ts";
import type { CheckedClaims } from "./claims.ts";
import type { MintRequest } from "./mint-request.ts";
import type { Place } from "./parent.ts";
import type { SigningInput } from "./signing-input.ts";

/** What is recorded of a request beside what it asks for. */
export interface MintContext {
  readonly request: RequestFacts;
  /** The hash of the policy in force; `undefined`: there is none. */
  readonly policy: string | undefined;
}

/** A token that is about to be signed. */
interface AboutToBeSigned {
  readonly signing: SigningKey;
  readonly claims: CheckedClaims;
  readonly input: SigningInput;
  readonly status: StatusPlace | undefined;
  readonly place: Place;
  /** The scope fields in which the parent gives less than was asked for. */
  readonly narrowed: readonly ScopeField[];
}

/** As the ledger names a caller. */
export function recordedCaller(caller: Caller): CallerId {
  return caller.kind === "declared" ? caller.id : UNPROVED_CALLER;
}

/** What the ledger records of a token. */
export function mintFactsOf(
  caller: Caller,
  { scopes: asked, ttlSeconds }: MintRequest,
  decision: Decision | undefined,
  { request, policy }: MintContext,
  { signing, claims, input, status, place: { run, parent }, narrowed }: AboutToBeSigned,
): MintFacts {
  const { jti, sub, aud, iat, exp, macp_scopes: scopes } = claims;
  const isProved = caller.kind === "declared";
  return {
    jti,
    kid: signing.kid,
    alg: signing.signer.alg,
    caller: recordedCaller(caller),
    proof: isProved ? caller.proof : undefined,
    sender: sub,
    audience: aud,
    scopes_asked: asked,
    scopes,
    ttl_asked: ttlSeconds,
    iat,
    exp,
    policy,
    ...(decision?.kind === "granted" ? { grant: decision.grant } : {}),
    narrowed: narrowedOf(decision, narrowed),
    run,
    ...(parent && { parent: parent.facts.jti, root: parent.root, depth: parent.depth }),
    status,
    digest: hash("sha256", input, "base64url"),
    ...request,
  };
}

/** The fields that the policy or the parent narrowed; `undefined`: nothing did, and no policy decided. */
function narrowedOf(
  decision: Decision | undefined,
  byParent: readonly ScopeField[],
): readonly string[] | undefined {
  if (decision?.kind === "granted") return [...new Set([...decision.narrowed, ...byParent])];
  return byParent.length > 0 ? byParent : undefined;
}

import { z } from "zod";
import type { DeclaredCaller } from "../../callers/caller.ts";
import { segmented } from "../../kernel/patterns/match-pattern.ts";
import { holds } from "../../kernel/patterns/text-set.ts";
import { revoke } from "../../ledger/revocation/revoke.ts";
import { factsOf, type OwnToken, readOwnToken } from "../../tokens/verify.ts";
import { type Answer, json } from "../answer.ts";
import { OAUTH_ERROR_FACTS } from "../oauth/oauth-answer.ts";
import { type Carried, type OAuthRequest, type OAuthRouteDeps, oauthAnswer } from "../oauth/oauth-route.ts";
import { TokenForm } from "../oauth/token-form.ts";
import { peerOf } from "../peer/peer-of.ts";
import { traceIdOf } from "../peer/trace-context.ts";
import { problem, type Reason } from "../problem.ts";
import { jsonAnswer, type OpenRoute } from "../route.ts";

/** `POST /oauth/revoke`. */
export const revokeToken: OpenRoute<OAuthRouteDeps> = {
  operationId: "revokeToken",
  tag: "tokens",
  summary: "Stop a token and everything under it",
  description:
    "RFC 7009. A caller stops the tokens that it had minted, and those of the senders that its entry lists. The answer comes when the revocation is stored: then every replica knows it within a second. A token that is unknown, expired or of another issuer needs no revocation and gets the same answer. Only where tokens are recorded; otherwise 404.",
  method: "POST",
  path: "/oauth/revoke",
  access: "caller",
  body: { schema: TokenForm, required: true, mediaType: "application/x-www-form-urlencoded" },
  errors: OAUTH_ERROR_FACTS,
  answers: { 200: jsonAnswer("The token is stopped, or there was nothing to stop.", z.strictObject({})) },
  reasons: [
    "not_found",
    "form_required",
    "form_invalid",
    "token_required",
    "parameter_too_long",
    "revocation_not_allowed",
    "limit_address",
    "limit_failures",
    "body_corrupt",
    "body_too_large",
    "charset_unsupported",
    "encoding_unsupported",
    "no_signing_key",
    "revocation_unavailable",
    "busy",
  ],
  handle: (deps, exchange) => oauthAnswer(deps, "revoke", exchange, (request) => revoked(deps, request)),
};

/** The client does not read the body (RFC 7009 section 2.2), and it says nothing of the token. */
const DONE: Answer = json(200, {});
const REASON = "its caller asked for it (RFC 7009)";

async function revoked(deps: OAuthRouteDeps, request: OAuthRequest): Promise<Carried> {
  const { issued, meter } = deps;
  const read = await readOwnToken(issued.verify, request.token);
  if (read.kind === "unavailable") return failed("no_signing_key");
  // What is no live token of ours is accepted nowhere: there is nothing to stop (RFC 7009 section 2.2).
  if (read.kind === "not_live") {
    meter.revocationAsked("nothing");
    return { kind: "answer", answer: DONE };
  }
  const isAllowed = await mayStop(deps, request.caller, read.token);
  return isAllowed ? stop(deps, request, read.token) : failed("revocation_not_allowed");
}

/** Its own, or of a sender that its entry lists. A token that the ledger does not know is nobody's own. */
async function mayStop(
  { issued: { revocation } }: OAuthRouteDeps,
  { id, rights }: DeclaredCaller,
  { claims: { jti, sub } }: OwnToken,
): Promise<boolean> {
  if (rights !== undefined && holds(rights.revokes, segmented(sub))) return true;
  const issuance = await revocation.store.issuanceOf(jti);
  return issuance?.caller === id;
}

async function stop(
  { issued: { verify, revocation }, meter, log, proxies }: OAuthRouteDeps,
  { caller, exchange: { incoming, requestId } }: OAuthRequest,
  token: OwnToken,
): Promise<Carried> {
  const { revocations } = verify;
  const { jti } = token.claims;
  const selector = { kind: "jti", jti } as const;
  // Twice is once: the ledger is not filled by one token. Stopped by a wider one is not: that may be taken back.
  if (revocations.isStopped(factsOf(token)) && (await revocation.store.standing(selector)) !== undefined) {
    meter.revocationAsked("nothing");
    return { kind: "answer", answer: DONE };
  }
  const { address } = peerOf(incoming, proxies);
  const request = { request_id: requestId, trace_id: traceIdOf(incoming), address };
  const by = { caller: caller.id, role: caller.role, request };
  const outcome = await revoke(revocation, selector, by, REASON);
  if (outcome.kind === "unavailable") return failed("revocation_unavailable");
  meter.revocationAsked("revoked");
  const { epoch, tokens, agents } = outcome;
  log.info({ event: "token_revoked", jti, caller: caller.id, epoch, tokens, agents, request_id: requestId });
  return { kind: "answer", answer: DONE };
}

function failed(reason: Reason): Carried {
  return { kind: "problem", problem: problem(reason) };
}

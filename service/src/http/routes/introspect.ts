import { z } from "zod";
import { Scopes } from "../../scopes/scopes.ts";
import type { NotLive, OwnToken, Verified } from "../../tokens/verify.ts";
import { type Answer, json } from "../answer.ts";
import { OAUTH_ERROR_FACTS } from "../oauth/oauth-answer.ts";
import { type Carried, type OAuthRequest, type OAuthRouteDeps, oauthAnswer } from "../oauth/oauth-route.ts";
import { TokenForm } from "../oauth/token-form.ts";
import { problem } from "../problem.ts";
import { jsonAnswer, type OpenRoute } from "../route.ts";

/** The answer to `POST /oauth/introspect` (RFC 7662 section 2.2). */
const IntrospectionBody = z
  .union([
    z.strictObject({ active: z.literal(false) }),
    z.strictObject({
      active: z.literal(true),
      token_type: z.literal("Bearer"),
      iss: z.string(),
      sub: z.string().meta({ description: "The agent that the token speaks for." }),
      aud: z.string(),
      iat: z.int(),
      exp: z.int(),
      jti: z.string(),
      macp_scopes: Scopes,
    }),
  ])
  .meta({ id: "Introspection" });

/** `POST /oauth/introspect`. */
export const introspect: OpenRoute<OAuthRouteDeps> = {
  operationId: "introspectToken",
  tag: "tokens",
  summary: "Ask whether a token is live",
  description:
    'RFC 7662, for callers whose entry lists the audience of the token. A token that is unknown, expired, revoked, of another issuer or for another audience gets the same answer, byte for byte: `{"active":false}`. Only where tokens are recorded; otherwise 404.',
  method: "POST",
  path: "/oauth/introspect",
  access: "caller",
  body: { schema: TokenForm, required: true, mediaType: "application/x-www-form-urlencoded" },
  errors: OAUTH_ERROR_FACTS,
  answers: { 200: jsonAnswer("Whether the token is live, and its claims.", IntrospectionBody) },
  reasons: [
    "not_found",
    "form_required",
    "form_invalid",
    "token_required",
    "parameter_too_long",
    "introspection_not_allowed",
    "limit_address",
    "limit_failures",
    "body_corrupt",
    "body_too_large",
    "charset_unsupported",
    "encoding_unsupported",
    "no_signing_key",
    "revocations_stale",
    "busy",
  ],
  handle: (deps, exchange) =>
    oauthAnswer(deps, "introspect", exchange, (request) => introspected(deps, request)),
};

/** One text for every token that is not live, or none of the caller's business: nothing of it is derived from the token. */
const INACTIVE: Answer = json(200, { active: false });

async function introspected(
  { issued, meter, log }: OAuthRouteDeps,
  { caller, token, exchange }: OAuthRequest,
): Promise<Carried> {
  const audiences = caller.rights?.introspects ?? [];
  if (audiences.length === 0) return { kind: "problem", problem: problem("introspection_not_allowed") };
  const outcome = await issued.verifyAgain(token);
  if (outcome.kind === "unavailable") return { kind: "problem", problem: problem(REASONS[outcome.reason]) };
  const live =
    outcome.kind === "live" && audiences.includes(outcome.token.claims.aud) ? outcome.token : undefined;
  const result = live === undefined ? whyInactive(outcome) : "active";
  meter.introspected(result);
  log.debug({ event: "token_introspected", result, caller: caller.id, request_id: exchange.requestId });
  return { kind: "answer", answer: live === undefined ? INACTIVE : activeAnswer(live) };
}

/** For the figures only. */
function whyInactive(outcome: Exclude<Verified, { kind: "unavailable" }>): NotLive | "audience_other" {
  return outcome.kind === "live" ? "audience_other" : outcome.reason;
}

const REASONS = { revocations_stale: "revocations_stale", no_keys: "no_signing_key" } as const;

/** Not `scope`: the rights are an object, and its members are what the runtime reads. Not `client_id`: only the ledger knows it. */
function activeAnswer({ claims: { iss, sub, aud, iat, exp, jti, macp_scopes } }: OwnToken): Answer {
  return json(200, { active: true, token_type: "Bearer", iss, sub, aud, iat, exp, jti, macp_scopes });
}

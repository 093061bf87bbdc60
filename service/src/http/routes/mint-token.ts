import { z } from "zod";
import { anyone } from "../../callers/anyone.ts";
import { printable } from "../../kernel/printable.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Meter } from "../../telemetry/meter.ts";
import { type MintDeps, mint } from "../../tokens/mint.ts";
import { MintRequestBody, parseMintRequest } from "../../tokens/mint-request.ts";
import { type Answer, json, problemAnswer } from "../answer.ts";
import { readJsonBody } from "../body.ts";
import { textOf, warningOf } from "../mint-words.ts";
import { type Problem, problem, problemOf } from "../problem.ts";
import { type Exchange, jsonAnswer, type OpenRoute } from "../route.ts";

/** The answer to `POST /tokens`. Callers read `token` and `expires_in_seconds`. */
const MintResponseBody = z
  .strictObject({
    token: z.string().meta({ description: "The signed JWT." }),
    sender: z.string(),
    expires_in_seconds: z.int().positive().meta({ description: "exp - iat" }),
    expires_at: z.int().meta({ description: "exp: seconds since 1970-01-01T00:00:00Z" }),
    token_id: z.string().meta({ description: "jti" }),
    warnings: z
      .array(z.string())
      .optional()
      .meta({ description: "How the runtime reads scopes that may not mean what their author expects." }),
  })
  .meta({ id: "MintResponse" });

export interface MintRouteDeps extends MintDeps {
  readonly log: Log;
  readonly meter: Meter;
  /** The mints of this listener that are not answered yet. */
  readonly underWay: { mints: number };
}

/**
 * As many as there may be connections: only clients that send a request before the last one is answered exceed it. Each mint that
 * waits for a signature holds memory, and others wait behind it.
 */
const MINTS_AT_ONCE_MAX = 1_000;

/** `POST /tokens`. */
export const mintToken: OpenRoute<MintRouteDeps> = {
  operationId: "mintToken",
  tag: "tokens",
  summary: "Mint a token",
  description:
    "Other members are ignored, including `iss`, `aud`, `exp` and `kid`. A body with a content type other than `application/json` counts as empty. The body may be compressed with gzip (or x-gzip), deflate or br.",
  method: "POST",
  path: "/tokens",
  access: "caller",
  body: {
    schema: MintRequestBody,
    required: true,
    example: { sender: "agent://planner", scopes: {}, ttl_seconds: 300 },
  },
  answers: { 200: jsonAnswer("The token.", MintResponseBody) },
  reasons: [
    "sender_required",
    "scopes_invalid",
    "ttl_invalid",
    "not_unicode",
    "number_inexact",
    "token_too_large",
    "body_corrupt",
    "json_invalid",
    "json_too_deep",
    "body_too_large",
    "charset_unsupported",
    "encoding_unsupported",
    "no_signing_key",
    "busy",
  ],
  handle: async (deps, exchange) => {
    const { underWay } = deps;
    if (underWay.mints >= MINTS_AT_ONCE_MAX) return reject(deps, problem("busy"), exchange);
    underWay.mints += 1;
    try {
      return await mintOne(deps, exchange);
    } finally {
      underWay.mints -= 1;
    }
  },
};

/** Know the caller, read the body, read the request, mint, answer. */
async function mintOne(deps: MintRouteDeps, exchange: Exchange): Promise<Answer> {
  const caller = anyone();
  const body = await readJsonBody(exchange.incoming);
  if (body.kind === "rejected") return reject(deps, body.problem, exchange);

  const parsed = body.kind === "json" ? parseMintRequest(body.value, body.text) : parseMintRequest({}, "{}");
  if (parsed.kind === "invalid")
    return reject(deps, problem(parsed.invalid.reason, textOf(parsed.invalid)), exchange);

  const outcome = await mint(deps, caller, parsed.request);
  if (outcome.kind === "rejected") return reject(deps, problemOf(outcome.refusal), exchange);

  const { token, claims, kid, surprises } = outcome;
  const ttlSeconds = claims.exp - claims.iat;
  deps.meter.minted(kid);
  deps.log.info({
    event: "token_minted",
    sender: printable(claims.sub),
    ttl_seconds: ttlSeconds,
    jti: claims.jti,
    kid: printable(kid),
    caller: outcome.caller.kind,
    request_id: exchange.requestId,
  });
  return json(200, {
    token,
    sender: claims.sub,
    expires_in_seconds: ttlSeconds,
    expires_at: claims.exp,
    token_id: claims.jti,
    warnings: surprises.length > 0 ? surprises.map(warningOf) : undefined,
  });
}

function reject({ log, meter }: MintRouteDeps, refusal: Problem, { requestId }: Exchange): Answer {
  meter.rejected(refusal.reason);
  log.info({ event: "mint_refused", reason: refusal.reason, status: refusal.status, request_id: requestId });
  return problemAnswer(refusal);
}

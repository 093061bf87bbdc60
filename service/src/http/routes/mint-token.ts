import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { anyone } from "../../callers/caller.ts";
import type { RequestId } from "../../kernel/ids.ts";
import { printable } from "../../kernel/printable.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Meter } from "../../telemetry/meter.ts";
import { type MintDeps, mint } from "../../tokens/mint.ts";
import { parseMintRequest } from "../../tokens/mint-request.ts";
import { type Answer, json, problemAnswer } from "../answer.ts";
import { readJsonBody } from "../body.ts";
import type { Route } from "../listener.ts";
import { textOf, warningOf } from "../mint-words.ts";
import { type Problem, problem, problemOf } from "../problem.ts";

/** The answer to `POST /tokens`. Callers read `token` and `expires_in_seconds`. */
export const MintResponseBody = z
  .strictObject({
    token: z.string().meta({ description: "The signed JWT." }),
    sender: z.string(),
    expires_in_seconds: z.int().positive().meta({ description: "exp - iat" }),
    expires_at: z.int().meta({ description: "exp: seconds since 1970-01-01T00:00:00Z" }),
    token_id: z.string().meta({ description: "jti" }),
    warnings: z
      .array(z.string())
      .optional()
      .meta({ description: "What the runtime will make of scopes that may surprise their author." }),
  })
  .meta({ id: "MintResponse" });

export interface MintRouteDeps extends MintDeps {
  readonly log: Log;
  readonly meter: Meter;
}

/** As many as there may be connections: only clients that send a request before the last one is answered get beyond. */
const MINTS_AT_ONCE_MAX = 1_000;

/** `POST /tokens`, with a bound on the mints that wait for a signature: each holds memory, and honest ones wait behind it. */
export function mintRoute(deps: MintRouteDeps): Route {
  let underWay = 0;
  return async (incoming, requestId) => {
    if (underWay >= MINTS_AT_ONCE_MAX) return refuse(deps, problem("busy"), requestId);
    underWay += 1;
    try {
      return await mintToken(deps, incoming, requestId);
    } finally {
      underWay -= 1;
    }
  };
}

/** Know the caller, read the body, read the request, mint, answer. */
async function mintToken(
  deps: MintRouteDeps,
  incoming: IncomingMessage,
  requestId: RequestId,
): Promise<Answer> {
  const caller = anyone();
  const body = await readJsonBody(incoming);
  if (body.kind === "refused") return refuse(deps, body.problem, requestId);

  const parsed = body.kind === "json" ? parseMintRequest(body.value, body.text) : parseMintRequest({}, "{}");
  if (parsed.kind === "invalid")
    return refuse(deps, problem(parsed.invalid.reason, textOf(parsed.invalid)), requestId);

  const outcome = await mint(deps, caller, parsed.request);
  if (outcome.kind === "refused") return refuse(deps, problemOf(outcome.refusal), requestId);

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
    request_id: requestId,
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

function refuse({ log, meter }: MintRouteDeps, refusal: Problem, requestId: RequestId): Answer {
  meter.refused(refusal.reason);
  log.info({ event: "mint_refused", reason: refusal.reason, status: refusal.status, request_id: requestId });
  return problemAnswer(refusal);
}

import { z } from "zod";
import { type Caller, UNPROVED_CALLER } from "../../callers/caller.ts";
import type { Rejected } from "../../callers/rejection.ts";
import { printable } from "../../kernel/printable.ts";
import { stepsOf } from "../../kernel/steps.ts";
import type { Timers } from "../../kernel/timers.ts";
import type { Decision } from "../../policy/decide.ts";
import { scopesInLog } from "../../scopes/scopes-in-log.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Meter } from "../../telemetry/meter.ts";
import { type MintDeps, type MintOutcome, mint } from "../../tokens/mint.ts";
import type { MintContext } from "../../tokens/mint-facts.ts";
import { MintRequestBody, parseMintRequest } from "../../tokens/mint-request.ts";
import {
  type Access,
  type AccessInForce,
  audienceReadingOf,
  callerOf,
  contradictionIn,
  policyHashOf,
  policyOf,
  presentedBy,
  problemOfStranger,
} from "../access.ts";
import { type Answer, json, problemAnswer } from "../answer.ts";
import { readJsonBody } from "../body.ts";
import { clientKeyOf } from "../limits/address-key.ts";
import { FREE_PASSAGE, LimitedPassage, type Passage } from "../limits/passage.ts";
import { narrowedWarning, textOf, warningOf } from "../mint-words.ts";
import { remoteOf, type TrustedProxies } from "../peer/peer-of.ts";
import { type Problem, problem } from "../problem.ts";
import { type Exchange, jsonAnswer, type OpenRoute } from "../route.ts";
import { type DecidedAgainst, recordRejection, recordStranger, requestFactsOf } from "./rejection-entry.ts";

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
  readonly access: Access;
  readonly log: Log;
  readonly meter: Meter;
  readonly timers: Timers;
  readonly proxies?: TrustedProxies;
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
    "audience_invalid",
    "run_invalid",
    "parent_invalid",
    "not_allowed",
    "limit_address",
    "limit_caller",
    "limit_sender",
    "limit_global",
    "limit_failures",
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
    "ledger_unavailable",
    "revoked",
    "revoked_lately",
    "revocations_stale",
    "busy",
  ],
  handle: async (deps, exchange) => {
    const { underWay } = deps;
    if (underWay.mints >= MINTS_AT_ONCE_MAX) return reject(deps, problem("busy"), exchange, undefined);
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
  const access = deps.access.view();
  const passage = passageOf(access, deps, exchange);
  const stopped = passage.enter();
  if (stopped !== undefined) return reject(deps, stopped, exchange, undefined);

  const steps = stepsOf(deps);
  const known = await steps.step("authenticate", () => callerOf(access, exchange.incoming, deps.timers));
  passage.noteProof(known);
  if (known.kind === "rejected") return rejectStranger(deps, known, exchange, passage);
  const { caller } = known;

  const body = await steps.step("read", () => readJsonBody(exchange.incoming));
  if (body.kind === "rejected") return reject(deps, body.problem, exchange, caller);
  const read = body.kind === "json" ? body : { value: {}, text: "{}" };
  const contradiction = contradictionIn(read.value, caller);
  if (contradiction !== undefined && access.mode === "enforce")
    return rejectStranger(deps, contradiction, exchange, passage);

  const parsed = parseMintRequest(
    read.value,
    read.text,
    audienceReadingOf(access),
    deps.issued !== undefined,
  );
  if (parsed.kind === "invalid")
    return reject(deps, problem(parsed.invalid.reason, textOf(parsed.invalid)), exchange, caller);

  const context = contextOf(deps, access, exchange);
  const outcome = await steps.step("mint", () =>
    mint(deps, caller, parsed.request, policyOf(access), passage.admit, context),
  );
  if (outcome.kind === "rejected")
    return reject(deps, passage.problemOf(outcome.refusal), exchange, caller, {
      refusal: outcome.refusal,
      request: parsed.request,
      access,
    });

  report(deps, exchange, outcome, known.unproved ?? contradiction, access);
  return minted(outcome, passage);
}

/** What is recorded of the request, where anything is. */
function contextOf(
  { ledger, proxies }: MintRouteDeps,
  access: AccessInForce,
  exchange: Exchange,
): MintContext | undefined {
  if (ledger === undefined) return undefined;
  return { policy: policyHashOf(access), request: requestFactsOf(exchange, proxies) };
}

/** A wrong proof counts where it is rejected. */
function passageOf(
  { mode, limits }: AccessInForce,
  { meter, proxies }: MintRouteDeps,
  { incoming }: Exchange,
): Passage {
  if (limits === undefined) return FREE_PASSAGE;
  const address = clientKeyOf(incoming, proxies);
  return new LimitedPassage(limits, address, mode === "enforce" ? presentedBy(incoming) : undefined, meter);
}

function minted({ token, claims, surprises, narrowed }: Minted, passage: Passage): Answer {
  const warnings = [...surprises.map(warningOf), ...narrowed.map(narrowedWarning)];
  return json(
    200,
    {
      token,
      sender: claims.sub,
      expires_in_seconds: claims.exp - claims.iat,
      expires_at: claims.exp,
      token_id: claims.jti,
      warnings: warnings.length > 0 ? warnings : undefined,
    },
    passage.headers(),
  );
}

type Minted = Extract<MintOutcome, { readonly kind: "minted" }>;

/** The log line and the figures of a token, with what `enforce` would have said while it is only observed. */
function report(
  { log, meter }: MintRouteDeps,
  { requestId }: Exchange,
  minted: Minted,
  unproved: Rejected | undefined,
  access: AccessInForce,
): void {
  const { claims, kid, caller, decision } = minted;
  const wouldReject = unproved?.reason ?? (decision?.kind === "rejected" ? decision.reason : undefined);
  meter.minted(kid);
  if (wouldReject !== undefined) meter.wouldReject(unproved?.callerId ?? nameOf(caller), wouldReject);
  log.info({
    event: "token_minted",
    sender: printable(claims.sub),
    ttl_seconds: claims.exp - claims.iat,
    jti: claims.jti,
    kid: printable(kid),
    caller: nameOf(caller),
    ...(decision === undefined ? {} : { policy: policyNameOf(access), ...factsOf(decision) }),
    ...(wouldReject === undefined ? {} : { would_reject: wouldReject }),
    request_id: requestId,
  });
}

/** A caller as the log and the figures name it. */
function nameOf(caller: Caller): string {
  return caller.kind === "declared" ? caller.id : UNPROVED_CALLER;
}

/** What the log says of a decision: which rule of which policy made it, and what it gave. Not as `scopes`: the lines are read as requests by `policy diff`. */
function factsOf(decision: Decision): object {
  if (decision.kind === "rejected") return { rule: decision.rule };
  const { grant, scopes, narrowed } = decision;
  return { grant, granted: scopesInLog(scopes), ...(narrowed.length > 0 ? { narrowed } : {}) };
}

/** A request without a caller: the stranger learns nothing of the why, the log and the ledger have it. */
function rejectStranger(deps: MintRouteDeps, why: Rejected, exchange: Exchange, passage: Passage): Answer {
  const { log, meter, proxies } = deps;
  const { incoming, requestId } = exchange;
  const refusal = problemOfStranger(why);
  recordStranger(deps, why, refusal, exchange);
  meter.rejected(refusal.reason);
  meter.callerRejected(why.reason);
  const { reason, callerId, issuer, subject } = why;
  log.info({
    event: "caller_rejected",
    reason,
    status: refusal.status,
    caller: callerId,
    issuer,
    subject: subject === undefined ? undefined : printable(subject.slice(0, SUBJECT_CHARS_MAX)),
    ...remoteOf(incoming, proxies),
    request_id: requestId,
  });
  return problemAnswer({ ...refusal, headers: [...refusal.headers, ...passage.headers()] });
}

/** The policy as the log names it: the start of its hash, enough to tell two documents apart. */
function policyNameOf(access: AccessInForce): string | undefined {
  return policyHashOf(access)?.slice(0, 16);
}

const SUBJECT_CHARS_MAX = 256;

function reject(
  deps: MintRouteDeps,
  refusal: Problem,
  exchange: Exchange,
  caller: Caller | undefined,
  decided?: DecidedAgainst,
): Answer {
  const { log, meter } = deps;
  meter.rejected(refusal.reason);
  recordRejection(deps, refusal, exchange, caller, decided);
  const why = decided?.refusal;
  const rejection = why?.reason === "not_allowed" ? why.rejection : undefined;
  log.info({
    event: "mint_refused",
    reason: refusal.reason,
    status: refusal.status,
    ...(caller?.kind === "declared" ? { caller: caller.id } : {}),
    ...(decided === undefined || why?.reason === "no_signing_key"
      ? {}
      : { policy: policyNameOf(decided.access) }),
    ...(rejection === undefined ? {} : { decision: rejection.reason, rule: rejection.rule }),
    request_id: exchange.requestId,
  });
  return problemAnswer(refusal);
}

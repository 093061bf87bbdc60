import { contradictionBeside } from "../../callers/beside.ts";
import type { Caller, DeclaredCaller } from "../../callers/caller.ts";
import type { Rejected } from "../../callers/rejection.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Meter } from "../../telemetry/meter.ts";
import type { IssuedTokens } from "../../tokens/issued-tokens.ts";
import { type Access, problemOfStranger } from "../access.ts";
import type { Answer } from "../answer.ts";
import { problemOfFault } from "../exchange.ts";
import type { Passage } from "../limits/passage.ts";
import { remoteOf, type TrustedProxies } from "../peer/peer-of.ts";
import { type Problem, problem } from "../problem.ts";
import { passageOf, provedCaller, UNPROVED } from "../proved-request.ts";
import type { Exchange } from "../route.ts";
import { oauthProblemAnswer } from "./oauth-answer.ts";
import { type ReadForm, readTokenForm } from "./token-form.ts";

export interface OAuthRouteDeps {
  readonly access: Access;
  readonly log: Log;
  readonly meter: Meter;
  readonly proxies?: TrustedProxies;
  readonly issued: IssuedTokens;
  /** The requests of this listener that wait for a signature, of any operation. */
  readonly underWay: { mints: number };
}

/** A request whose caller is proved and whose form is read. */
export interface OAuthRequest {
  readonly caller: DeclaredCaller;
  readonly token: string;
  readonly exchange: Exchange;
}

/** What an operation makes of a request. */
export type Carried =
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "problem"; readonly problem: Problem };

type Operation = "introspect" | "revoke";

/** As many as mints: each that waits for a verification holds memory, and others wait behind it. */
const AT_ONCE_MAX = 1_000;

/** The way of every request to an OAuth endpoint: past the limits, to its caller, to its form; then what the operation does. */
export async function oauthAnswer(
  deps: OAuthRouteDeps,
  operation: Operation,
  exchange: Exchange,
  carryOut: (request: OAuthRequest) => Promise<Carried>,
): Promise<Answer> {
  const { underWay, log } = deps;
  if (underWay.mints >= AT_ONCE_MAX) return reject(deps, operation, exchange, problem("busy"));
  underWay.mints += 1;
  try {
    return await answered(deps, operation, exchange, carryOut);
  } catch (thrown) {
    // The connection broke: nobody reads an answer.
    if (exchange.incoming.socket.destroyed) throw thrown;
    return oauthProblemAnswer(problemOfFault(log, thrown, exchange.requestId));
  } finally {
    underWay.mints -= 1;
  }
}

async function answered(
  deps: OAuthRouteDeps,
  operation: Operation,
  exchange: Exchange,
  carryOut: (request: OAuthRequest) => Promise<Carried>,
): Promise<Answer> {
  const { incoming } = exchange;
  const access = deps.access.view();
  const passage = passageOf(access, deps, exchange);
  const stopped = passage.enter();
  if (stopped !== undefined) return reject(deps, operation, exchange, stopped);

  const known = await provedCaller(access, exchange);
  passage.noteProof(known);
  if (known.kind === "rejected") return rejectStranger(deps, operation, exchange, known, passage);
  const { caller } = known;

  const form = await readTokenForm(incoming);
  if (form.kind === "rejected") return reject(deps, operation, exchange, form.problem, caller);
  const contradiction = contradictionIn(form, caller);
  if (contradiction !== undefined) return rejectStranger(deps, operation, exchange, contradiction, passage);

  if (caller.kind !== "declared") return rejectStranger(deps, operation, exchange, UNPROVED, passage);
  const carried = await carryOut({ caller, token: form.token, exchange });
  if (carried.kind === "problem") return reject(deps, operation, exchange, carried.problem, caller);
  const { answer } = carried;
  return { ...answer, headers: [...answer.headers, ...passage.headers()] };
}

function contradictionIn(
  { fields }: Extract<ReadForm, { kind: "form" }>,
  caller: Caller,
): Rejected | undefined {
  return contradictionBeside(caller, {
    clientId: fields.get("client_id"),
    hasClientSecret: fields.has("client_secret"),
    hasClientAssertion: fields.has("client_assertion"),
  });
}

/** A request without a caller: the stranger learns nothing of the why, the log has it. */
function rejectStranger(
  deps: OAuthRouteDeps,
  operation: Operation,
  { incoming, requestId }: Exchange,
  { reason, callerId, issuer }: Rejected,
  passage: Passage,
): Answer {
  const refusal = problemOfStranger({ kind: "rejected", reason });
  deps.meter.oauthRejected(operation, refusal.reason);
  deps.meter.callerRejected(reason);
  deps.log.info({
    event: "caller_rejected",
    operation,
    reason,
    status: refusal.status,
    caller: callerId,
    issuer,
    ...remoteOf(incoming, deps.proxies),
    request_id: requestId,
  });
  return oauthProblemAnswer({ ...refusal, headers: [...refusal.headers, ...passage.headers()] });
}

function reject(
  { log, meter }: OAuthRouteDeps,
  operation: Operation,
  { requestId }: Exchange,
  refusal: Problem,
  caller?: Caller,
): Answer {
  meter.oauthRejected(operation, refusal.reason);
  log.info({
    event: "oauth_rejected",
    operation,
    reason: refusal.reason,
    status: refusal.status,
    ...(caller?.kind === "declared" ? { caller: caller.id } : {}),
    request_id: requestId,
  });
  return oauthProblemAnswer(refusal);
}

import type { Caller, DeclaredCaller } from "../../../callers/caller.ts";
import type { Rejected } from "../../../callers/rejection.ts";
import { answerFeed, type FeedDeps } from "../../../guard/feed/answer-feed.ts";
import { FeedPage, FeedQuery } from "../../../guard/feed/feed-shapes.ts";
import type { Log } from "../../../telemetry/log.ts";
import type { Meter } from "../../../telemetry/meter.ts";
import { type Access, type AccessInForce, problemOfStranger } from "../../access.ts";
import { type Answer, json, problemAnswer } from "../../answer.ts";
import { remoteOf, type TrustedProxies } from "../../peer/peer-of.ts";
import { type Problem, problem } from "../../problem.ts";
import { passageOf, provedCaller, UNPROVED } from "../../proved-request.ts";
import { type Exchange, jsonAnswer, type OpenRoute } from "../../route.ts";
import { queryOf } from "../admin/ledger/query.ts";

export interface FeedRouteDeps {
  readonly access: Access;
  readonly log: Log;
  readonly meter: Meter;
  readonly proxies?: TrustedProxies;
  readonly feed: FeedDeps;
}

/** `GET /guard/feed`: what guards of other processes poll. */
export const guardFeed: OpenRoute<FeedRouteDeps> = {
  operationId: "followRevocations",
  tag: "tokens",
  summary: "What was revoked since, and the keys: for guards",
  description:
    "What `macp-auth guard serve` polls: a page of what was revoked after a number, and the public keys when they are not those that it names. For callers whose entry has `guards: true`; 404 where tokens are not recorded or no caller has it.",
  method: "GET",
  path: "/guard/feed",
  access: "caller",
  params: { query: FeedQuery },
  answers: { 200: jsonAnswer("A page.", FeedPage) },
  reasons: [
    "not_found",
    "credential_required",
    "credentials_several",
    "guard_not_allowed",
    "feed_query_invalid",
    "limit_address",
    "limit_failures",
    "no_signing_key",
    "store_unavailable",
  ],
  handle: served,
};

async function served(deps: FeedRouteDeps, exchange: Exchange): Promise<Answer> {
  const access = deps.access.view();
  if (!isOffered(access)) return reject(deps, exchange, problem("not_found"));
  const passage = passageOf(access, deps, exchange);
  const stopped = passage.enter();
  if (stopped !== undefined) return reject(deps, exchange, stopped);

  const known = await provedCaller(access, exchange);
  passage.noteProof(known);
  const caller = known.kind === "caller" ? declaredIn(known.caller) : known;
  if (caller.kind === "rejected") return rejectStranger(deps, exchange, caller, passage.headers());

  const result =
    caller.rights?.guards === true ? await pageFor(deps, exchange) : problem("guard_not_allowed");
  if ("reason" in result) return reject(deps, exchange, result, caller);
  deps.meter.guardFed("page");
  return { ...result, headers: [...result.headers, ...passage.headers()] };
}

/** Where no caller may follow it, there is nothing. */
function isOffered(access: AccessInForce): boolean {
  return access.mode !== "off" && access.proofs.directory.hasGuards;
}

function declaredIn(caller: Caller): DeclaredCaller | Rejected {
  return caller.kind === "declared" ? caller : UNPROVED;
}

async function pageFor({ feed }: FeedRouteDeps, { incoming }: Exchange): Promise<Answer | Problem> {
  const query = queryOf(FeedQuery, incoming.url);
  if (query === undefined) return problem("feed_query_invalid");
  const page = await answerFeed(feed, query);
  return page === undefined ? problem("no_signing_key") : json(200, page);
}

/** A request without a caller: the stranger learns nothing of the why, the log has it. */
function rejectStranger(
  { log, meter, proxies }: FeedRouteDeps,
  { incoming, requestId }: Exchange,
  { reason, callerId, issuer }: Rejected,
  headers: readonly string[],
): Answer {
  const refusal = problemOfStranger({ kind: "rejected", reason });
  meter.guardFed(refusal.reason);
  meter.callerRejected(reason);
  log.info({
    event: "caller_rejected",
    operation: "guard_feed",
    reason,
    status: refusal.status,
    caller: callerId,
    issuer,
    ...remoteOf(incoming, proxies),
    request_id: requestId,
  });
  return problemAnswer({ ...refusal, headers: [...refusal.headers, ...headers] });
}

function reject(
  { log, meter }: FeedRouteDeps,
  { requestId }: Exchange,
  refusal: Problem,
  caller?: DeclaredCaller,
): Answer {
  const { reason, status } = refusal;
  meter.guardFed(reason);
  log.info({ event: "guard_feed_rejected", reason, status, caller: caller?.id, request_id: requestId });
  return problemAnswer(refusal);
}

import { type Caller, type CallerId, UNPROVED_CALLER } from "../../callers/caller.ts";
import type { Rejected } from "../../callers/rejection.ts";
import type { RejectionFacts, RequestFacts } from "../../ledger/entry.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { MintRefusal } from "../../tokens/mint.ts";
import type { MintRequest } from "../../tokens/mint-request.ts";
import { type AccessInForce, policyHashOf } from "../access.ts";
import { peerOf, type TrustedProxies } from "../peer/peer-of.ts";
import { traceIdOf } from "../peer/trace-context.ts";
import type { Problem } from "../problem.ts";
import type { Exchange } from "../route.ts";

/** What an entry is made of, where a ledger is kept. */
export interface EntryDeps {
  readonly ledger?: Ledger | undefined;
  readonly proxies?: TrustedProxies;
}

/** A mint that was decided. */
export interface DecidedAgainst {
  readonly refusal: MintRefusal;
  readonly request: MintRequest;
  readonly access: AccessInForce;
}

/** How a request reached this service. */
export function requestFactsOf({ incoming, requestId }: Exchange, proxies: TrustedProxies): RequestFacts {
  const { address } = peerOf(incoming, proxies);
  return { request_id: requestId, trace_id: traceIdOf(incoming), address };
}

/** Records that a request got no token. `decided`: as far as it was read and decided. */
export function recordRejection(
  { ledger, proxies }: EntryDeps,
  { reason, status }: Problem,
  exchange: Exchange,
  caller: Caller | undefined,
  decided?: DecidedAgainst,
): void {
  ledger?.recordRejection({
    reason,
    status,
    ...(caller && callerFactsOf(caller)),
    ...(decided && decidedFactsOf(decided)),
    ...requestFactsOf(exchange, proxies),
  });
}

/** Records that a request had no caller: the entry has the why, which the stranger does not learn. */
export function recordStranger(
  { ledger, proxies }: EntryDeps,
  { reason, callerId: caller }: Rejected,
  { status }: Problem,
  exchange: Exchange,
): void {
  ledger?.recordRejection({ reason, status, caller, ...requestFactsOf(exchange, proxies) });
}

function callerFactsOf(caller: Caller): { readonly caller: CallerId } & Pick<RejectionFacts, "proof"> {
  return caller.kind === "declared"
    ? { caller: caller.id, proof: caller.proof }
    : { caller: UNPROVED_CALLER };
}

function decidedFactsOf({ refusal, request, access }: DecidedAgainst): Partial<RejectionFacts> {
  const rejection = refusal.reason === "not_allowed" ? refusal.rejection : undefined;
  return {
    sender: request.sender,
    scopes_asked: request.scopes,
    ttl_asked: request.ttlSeconds,
    run: request.run,
    policy: policyHashOf(access),
    ...(rejection && { decision: rejection.reason, rule: rejection.rule }),
  };
}

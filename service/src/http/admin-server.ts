import type { AuthenticateDeps } from "../callers/authenticate.ts";
import type { LimitsInForce } from "../limits/limits-in-force.ts";
import { presentedBy } from "./access.ts";
import { problemAnswer } from "./answer.ts";
import { clientKeyOf } from "./limits/address-key.ts";
import { limitedProblem } from "./limits/passage.ts";
import { ProofAttempt } from "./limits/proof-attempt.ts";
import { httpServer, type Listener, type ListenerDeps } from "./listener.ts";
import { type OperatorProof, proveOperator } from "./operator.ts";
import { remoteOf, type TrustedProxies } from "./peer/peer-of.ts";
import type { Exchange, OperatorRoute } from "./route.ts";
import type { Handle } from "./router.ts";
import { type AccessStatusDeps, accessStatus } from "./routes/admin/access-status.ts";
import { activateKey } from "./routes/admin/activate-key.ts";
import type { EventsDeps } from "./routes/admin/events/events-route.ts";
import { listDeadEvents } from "./routes/admin/events/list-dead.ts";
import { listEventReceivers } from "./routes/admin/events/list-receivers.ts";
import { replayDeadEvents } from "./routes/admin/events/replay-dead.ts";
import { testEventReceiver } from "./routes/admin/events/test-receiver.ts";
import { type ForgetIssuerDeps, forgetIssuer } from "./routes/admin/forget-issuer.ts";
import type { KeyOperationDeps } from "./routes/admin/key-operation.ts";
import { countEntries } from "./routes/admin/ledger/count-entries.ts";
import { findToken } from "./routes/admin/ledger/find-token.ts";
import { listEntries } from "./routes/admin/ledger/list-entries.ts";
import { listLiveTokens } from "./routes/admin/ledger/list-live-tokens.ts";
import type { ReadLedgerDeps } from "./routes/admin/ledger/read-ledger.ts";
import { showLineage } from "./routes/admin/ledger/show-lineage.ts";
import { type ListIssuersDeps, listIssuers } from "./routes/admin/list-issuers.ts";
import { type ListKeysDeps, listKeys } from "./routes/admin/list-keys.ts";
import { figures, type MetricsDeps } from "./routes/admin/metrics.ts";
import { prepareKey } from "./routes/admin/prepare-key.ts";
import { type ReadinessDeps, readiness } from "./routes/admin/readiness.ts";
import { resealKeys } from "./routes/admin/reseal-keys.ts";
import { retireKey } from "./routes/admin/retire-key.ts";
import { listRevocations } from "./routes/admin/revocations/list-revocations.ts";
import { makeRevocation } from "./routes/admin/revocations/make-revocation.ts";
import { previewRevocation } from "./routes/admin/revocations/preview-revocation.ts";
import type { RevocationDeps } from "./routes/admin/revocations/revocation-route.ts";
import { undoRevocation } from "./routes/admin/revocations/undo-revocation.ts";
import { revokeKey } from "./routes/admin/revoke-key.ts";
import { rotateKey } from "./routes/admin/rotate-key.ts";
import { taintKey } from "./routes/admin/taint-key.ts";

export interface AdminDeps
  extends ListenerDeps,
    ReadinessDeps,
    MetricsDeps,
    AccessStatusDeps,
    ListIssuersDeps,
    ForgetIssuerDeps,
    ListKeysDeps,
    ReadLedgerDeps,
    RevocationDeps,
    EventsDeps {
  readonly declared: AccessStatusDeps["declared"];
  readonly managed: KeyOperationDeps["managed"];
  readonly metrics: RevocationDeps["metrics"] & MetricsDeps["metrics"];
  /** Who may be an operator now: one request uses one of these from start to end. */
  readonly operators: () => AuthenticateDeps;
  readonly proxies?: TrustedProxies;
  /** `undefined`: nothing is limited. */
  readonly limits: () => LimitsInForce | undefined;
}

/** Every operation of the admin listener, each for operators only. */
export const ADMIN_ROUTES: readonly OperatorRoute<AdminDeps>[] = [
  readiness,
  figures,
  accessStatus,
  listIssuers,
  forgetIssuer,
  listEntries,
  listLiveTokens,
  showLineage,
  findToken,
  countEntries,
  listKeys,
  prepareKey,
  rotateKey,
  activateKey,
  taintKey,
  revokeKey,
  retireKey,
  resealKeys,
  listRevocations,
  makeRevocation,
  previewRevocation,
  undoRevocation,
  listEventReceivers,
  listDeadEvents,
  replayDeadEvents,
  testEventReceiver,
];

/** The admin listener: readiness, metrics, who may call, and the keys. Never on the public port. Not yet listening. */
export function adminServer(deps: AdminDeps): Listener {
  return httpServer(
    deps,
    ADMIN_ROUTES.map((route) => ({ ...route, handle: guarded(deps, route) })),
  );
}

/** A route that runs only with the evidence that an operator calls it, and whose problems are logged. */
function guarded(deps: AdminDeps, route: OperatorRoute<AdminDeps>): Handle {
  return async (exchange) => {
    const attempt = attemptOf(deps, exchange);
    const waitUs = attempt?.waitUs() ?? 0;
    if (waitUs > 0) {
      const shut = limitedProblem("limit_failures", waitUs);
      logStranger(deps, exchange, { problem: shut, facts: {} });
      return problemAnswer(shut);
    }
    const proof = await proveOperator(deps.operators(), route.roles, exchange.incoming);
    attempt?.note(proof.kind === "operator" ? undefined : proof.facts.cause);
    if (proof.kind === "rejected") {
      logStranger(deps, exchange, proof);
      return problemAnswer(proof.problem);
    }
    const answer = await route.handle(deps, exchange, proof.operator);
    if (!("reason" in answer)) return answer;
    const { reason, status } = answer;
    const actor = proof.operator.id;
    deps.log.info({ event: "request_refused", reason, status, actor, request_id: exchange.requestId });
    return problemAnswer(answer);
  };
}

/** The proof of a request, where failed ones are counted. */
function attemptOf({ limits, proxies }: AdminDeps, { incoming }: Exchange): ProofAttempt | undefined {
  const inForce = limits();
  return inForce?.plan.mode === "enforce"
    ? new ProofAttempt(inForce, clientKeyOf(incoming, proxies), presentedBy(incoming), "operators")
    : undefined;
}

function logStranger(
  { log, metrics, proxies }: AdminDeps,
  { incoming, requestId }: Exchange,
  {
    problem: { reason },
    facts,
  }: Pick<Extract<OperatorProof, { readonly kind: "rejected" }>, "problem" | "facts">,
): void {
  metrics.rejectedTransition(reason);
  const remote = remoteOf(incoming, proxies);
  log.warn({ event: "admin_refused", reason, ...facts, ...remote, request_id: requestId });
}

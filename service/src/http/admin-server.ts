import { StoreUnavailable } from "../kernel/store-faults.ts";
import { problemAnswer } from "./answer.ts";
import { httpServer, type Listener, type ListenerDeps } from "./listener.ts";
import { type OperatorProof, proveOperator } from "./operator.ts";
import { type Problem, problem } from "./problem.ts";
import type { Exchange, OperatorRoute } from "./route.ts";
import type { Handle } from "./router.ts";
import { activateKey } from "./routes/admin/activate-key.ts";
import type { KeyOperationDeps } from "./routes/admin/key-operation.ts";
import { type ListKeysDeps, listKeys } from "./routes/admin/list-keys.ts";
import { figures, type MetricsDeps } from "./routes/admin/metrics.ts";
import { prepareKey } from "./routes/admin/prepare-key.ts";
import { type ReadinessDeps, readiness } from "./routes/admin/readiness.ts";
import { resealKeys } from "./routes/admin/reseal-keys.ts";
import { retireKey } from "./routes/admin/retire-key.ts";
import { revokeKey } from "./routes/admin/revoke-key.ts";
import { rotateKey } from "./routes/admin/rotate-key.ts";
import { taintKey } from "./routes/admin/taint-key.ts";

export interface AdminDeps extends ListenerDeps, ReadinessDeps, MetricsDeps, ListKeysDeps, KeyOperationDeps {
  readonly managed: KeyOperationDeps["managed"];
  readonly metrics: KeyOperationDeps["metrics"] & MetricsDeps["metrics"];
  readonly operators: OperatorProof;
}

/** Every operation of the admin listener, each for operators only. */
export const ADMIN_ROUTES: readonly OperatorRoute<AdminDeps>[] = [
  readiness,
  figures,
  listKeys,
  prepareKey,
  rotateKey,
  activateKey,
  taintKey,
  revokeKey,
  retireKey,
  resealKeys,
];

/** The admin listener: readiness, metrics and the keys. Never on the public port. Not yet listening. */
export function adminServer(deps: AdminDeps): Listener {
  return httpServer(
    deps,
    ADMIN_ROUTES.map((route) => ({ ...route, handle: guarded(deps, route) })),
  );
}

/** A route that runs only with the evidence that an operator calls it, and whose problems are logged. */
function guarded(deps: AdminDeps, route: OperatorRoute<AdminDeps>): Handle {
  return async (exchange) => {
    const proof = proveOperator(deps.operators, exchange.incoming);
    if (proof.kind === "rejected") {
      logStranger(deps, exchange, proof.problem);
      return problemAnswer(proof.problem);
    }
    const answer = await Promise.resolve(route.handle(deps, exchange, proof.operator)).catch(problemOfStore);
    if (!("reason" in answer)) return answer;
    const { reason, status } = answer;
    deps.log.info({ event: "request_refused", reason, status, request_id: exchange.requestId });
    return problemAnswer(answer);
  };
}

function logStranger({ log, metrics }: AdminDeps, exchange: Exchange, { reason }: Problem): void {
  metrics.rejectedTransition(reason);
  const remote = exchange.incoming.socket.remoteAddress;
  log.warn({ event: "admin_refused", reason, remote, request_id: exchange.requestId });
}

function problemOfStore(thrown: unknown): Problem {
  if (!(thrown instanceof StoreUnavailable)) throw thrown;
  return problem("store_unavailable");
}

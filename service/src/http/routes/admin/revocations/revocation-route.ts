import type { RevokeDeps, RevokedBy } from "../../../../ledger/revocation/revoke.ts";
import type { Log } from "../../../../telemetry/log.ts";
import type { Metrics } from "../../../../telemetry/metrics.ts";
import type { Operator } from "../../../operator.ts";
import { peerOf, type TrustedProxies } from "../../../peer/peer-of.ts";
import { traceIdOf } from "../../../peer/trace-context.ts";
import type { Reason } from "../../../problem.ts";
import type { Exchange } from "../../../route.ts";
import type { KeyOperationDeps } from "../key-operation.ts";

/** What the revocation routes need. */
export interface RevocationDeps extends KeyOperationDeps {
  /** `undefined`: nothing is recorded, so nothing can be stopped. */
  readonly revocation?: RevokeDeps | undefined;
  readonly log: Log;
  readonly metrics: KeyOperationDeps["metrics"] & Pick<Metrics, "revocation">;
  readonly proxies?: TrustedProxies;
}

/** The problems of every revocation route that reads a body. */
export const BODY_REASONS: readonly Reason[] = [
  "ledger_off",
  "operation_invalid",
  "json_required",
  "json_invalid",
  "json_too_deep",
  "body_corrupt",
  "body_too_large",
  "charset_unsupported",
  "encoding_unsupported",
];

/** Who revokes, as the ledger records it. */
export function revokedBy(
  { proxies }: Pick<RevocationDeps, "proxies">,
  { incoming, requestId }: Exchange,
  { id, role }: Operator,
): RevokedBy {
  const { address } = peerOf(incoming, proxies);
  return { caller: id, role, request: { request_id: requestId, trace_id: traceIdOf(incoming), address } };
}

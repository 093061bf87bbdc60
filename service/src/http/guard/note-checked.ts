import type { Checked } from "../../guard/check.ts";
import type { RequestId } from "../../kernel/ids.ts";
import type { Log } from "../../telemetry/log.ts";
import type { GuardMeter } from "../../telemetry/meter.ts";

export interface NoteDeps {
  readonly meter: GuardMeter;
  readonly log: Log;
}

/** Through which listener a proxy asks. */
export type Door = Parameters<GuardMeter["checked"]>[0];

/** Counts a decision of the guard, and logs one that lets nothing pass. */
export function noteChecked(
  { meter, log }: NoteDeps,
  door: Door,
  outcome: Checked,
  requestId: RequestId | undefined,
): void {
  const result = resultOf(outcome);
  meter.checked(door, result);
  if (outcome.kind === "allowed") return;
  const jti = outcome.kind === "forbidden" ? outcome.token.claims.jti : undefined;
  log.debug({ event: "check_rejected", door, reason: result, token_id: jti, request_id: requestId });
}

/** For the figures: each reason is a result of its own. */
function resultOf(outcome: Checked): string {
  if (outcome.kind === "allowed") return "allowed";
  return outcome.kind === "unauthenticated" ? outcome.why : outcome.reason;
}

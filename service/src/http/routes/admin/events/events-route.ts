import type { OperateEventsDeps } from "../../../../events/operate-events.ts";
import type { Log } from "../../../../telemetry/log.ts";
import type { Reason } from "../../../problem.ts";

/** What the event routes need. */
export interface EventsDeps {
  /** `undefined`: nobody is sent events. */
  readonly events?: OperateEventsDeps | undefined;
  readonly log: Log;
}

/** The problems of the event routes that read a body. */
export const BODY_REASONS: readonly Reason[] = [
  "events_off",
  "receiver_unknown",
  "store_unavailable",
  "operation_invalid",
  "json_required",
  "json_invalid",
  "json_too_deep",
  "body_corrupt",
  "body_too_large",
  "charset_unsupported",
  "encoding_unsupported",
];

import type { DeliveryFault } from "./event-cursors.ts";

/** What a receiver answered. */
export interface DeliveryAnswer {
  readonly kind: "answered";
  readonly status: number;
  /** `err` of its body (RFC 8935 section 2.3). */
  readonly err: string | undefined;
  readonly retryAfterSeconds: number | undefined;
}

/** No answer: why, as a code. */
export interface NotDelivered {
  readonly kind: "failed";
  readonly reason: string;
  readonly status?: number;
}

/** What an answer means. */
export type Verdict =
  | { readonly kind: "delivered" }
  /** `retryAfterSeconds`: the receiver asks for this wait. */
  | { readonly kind: "later"; readonly fault: DeliveryFault; readonly retryAfterSeconds: number | undefined }
  /** The receiver says that it will never accept this event. */
  | { readonly kind: "never"; readonly fault: DeliveryFault };

/** Statuses with which a receiver rejects the event itself; with any other one its own state or its settings may be the reason. */
const NEVER: readonly number[] = [400, 410, 413, 422];
/** Codes of RFC 8935 section 2.4 whose reason is a setting on one of both sides. */
const SETTINGS = [
  "invalid_key",
  "invalid_issuer",
  "invalid_audience",
  "authentication_failed",
  "access_denied",
];

/** Whether an event arrived, and if not whether it is worth another try. */
export function judgeAnswer(answer: DeliveryAnswer | NotDelivered): Verdict {
  if (answer.kind === "failed") {
    const { reason, status } = answer;
    return { kind: "later", fault: { reason, status }, retryAfterSeconds: undefined };
  }
  const { status, err, retryAfterSeconds } = answer;
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const known = err !== undefined && [...SETTINGS, "invalid_request"].includes(err) ? err : undefined;
  const fault = { reason: known ?? "answered", status };
  const isNever = NEVER.includes(status) && !(known !== undefined && SETTINGS.includes(known));
  return isNever ? { kind: "never", fault } : { kind: "later", fault, retryAfterSeconds };
}

const WAIT_SECONDS_MAX = 60;
/** What a receiver may ask for: the longest wait between two tries. */
export const LONGEST_WAIT_SECONDS = 300;

/**
 * How long to wait after this number of failed tries, in whole seconds: doubled each time, and then between half and the whole of it.
 * `chance`: from 0 to 1.
 */
export function waitAfter(failures: number, chance: number, askedSeconds: number | undefined): number {
  const longest = Math.min(2 ** Math.min(failures, 10), WAIT_SECONDS_MAX);
  const own = Math.ceil((longest / 2) * (1 + chance));
  return Math.max(own, Math.min(askedSeconds ?? 0, LONGEST_WAIT_SECONDS));
}

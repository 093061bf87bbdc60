import { status } from "@grpc/grpc-js";
import { printable } from "../../kernel/printable.ts";

/** Why a stream of the Workload API ended. `details`: what gRPC says of it, one line. */
export type StreamFailure =
  /** Nobody listens there, or the connection broke. */
  | { readonly kind: "unreachable"; readonly details: string }
  /** The agent has no identity for this process. */
  | { readonly kind: "no_identity"; readonly details: string }
  /** What listens there is no Workload API, or does not accept our request: asking again does not help. */
  | { readonly kind: "not_workload_api"; readonly details: string }
  /** A message is larger than what is read. */
  | { readonly kind: "too_large"; readonly details: string }
  /** The other side ended it, without a fault. */
  | { readonly kind: "ended" }
  /** No message came in time. */
  | { readonly kind: "no_answer"; readonly seconds: number }
  | { readonly kind: "failed"; readonly details: string };

const KINDS: ReadonlyMap<number, Exclude<StreamFailure["kind"], "ended" | "no_answer">> = new Map([
  [status.UNAVAILABLE, "unreachable"],
  [status.PERMISSION_DENIED, "no_identity"],
  [status.UNIMPLEMENTED, "not_workload_api"],
  [status.INVALID_ARGUMENT, "not_workload_api"],
  [status.RESOURCE_EXHAUSTED, "too_large"],
]);

const DETAILS_CHARS_MAX = 200;

/** What gRPC writes around the fault of the connection. */
const CAUSE = /^No connection established. Last error: (?:Error: )?(.+?)[.]? Resolution note: ?$/;

/** What the status of a call says (SPIFFE Workload Endpoint section 6). */
export function failureOf(code: status, details: string): StreamFailure {
  // We hear nothing of a call that we cancelled ourselves.
  if (code === status.OK || code === status.CANCELLED) return { kind: "ended" };
  const cause = CAUSE.exec(details)?.[1] ?? details;
  const shown = printable(cause.slice(0, DETAILS_CHARS_MAX));
  return { kind: KINDS.get(code) ?? "failed", details: `${status[code]}: ${shown}` };
}

/** Whether the standard says not to ask again. */
export function isFinal({ kind }: StreamFailure): boolean {
  return kind === "not_workload_api";
}

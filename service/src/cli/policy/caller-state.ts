import type { CallerEntry } from "../../callers/declared/registry.ts";
import { whyNotNow } from "../../callers/proved.ts";

/** Whether a caller may call now. */
export type CallerState = "active" | "disabled" | "expired";

/** The state of a declared caller at `now`, in seconds since the epoch. */
export function callerStateOf(
  caller: Pick<CallerEntry, "isDisabled" | "notAfter">,
  now: number,
): CallerState {
  switch (whyNotNow(caller, now)) {
    case "caller_disabled":
      return "disabled";
    case "caller_expired":
      return "expired";
    case undefined:
      return "active";
  }
}

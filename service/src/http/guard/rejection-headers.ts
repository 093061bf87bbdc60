import type { Checked } from "../../guard/check.ts";

/** A header of a rejection: its name in lower case. */
export type RejectionHeader = readonly [name: string, value: string];

const NO_STORE: RejectionHeader = ["cache-control", "no-store"];

/**
 * The headers of each rejection, of which a proxy may pass all on: the challenge of RFC 6750 section 3, and the code by which the runtime
 * says the same over HTTP/JSON, so that its clients need not know of the guard.
 */
export const REJECTED: Readonly<Record<Exclude<Checked["kind"], "allowed">, readonly RejectionHeader[]>> = {
  unauthenticated: [NO_STORE, ["www-authenticate", "Bearer"], ["macp-error-code", "UNAUTHENTICATED"]],
  forbidden: [
    NO_STORE,
    ["www-authenticate", 'Bearer error="insufficient_scope"'],
    ["macp-error-code", "FORBIDDEN"],
  ],
  unavailable: [NO_STORE],
};

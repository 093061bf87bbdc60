import type { Counter } from "prom-client";
import type { Meter } from "./meter.ts";

/** Counts what is asked about tokens that exist. */
export function oauthCounters(
  count: (name: string, help: string, labelNames: string[]) => Counter,
): Pick<Meter, "introspected" | "revocationAsked" | "oauthRejected" | "guardFed"> {
  const introspections = count("introspections_total", "Questions about tokens, by result.", ["result"]);
  // As for the checks of the guard.
  introspections.inc({ result: "revoked" }, 0);
  const revocations = count("revocation_requests_total", "Requests that end a token, by result.", ["result"]);
  const fed = count("guard_feeds_total", "Polls of guards, by result.", ["result"]);
  const rejected = count(
    "oauth_rejected_total",
    "Rejected requests to introspect or to revoke a token, by operation and reason.",
    ["operation", "reason"],
  );
  return {
    introspected: (result) => introspections.inc({ result }),
    revocationAsked: (result) => revocations.inc({ result }),
    guardFed: (result) => fed.inc({ result }),
    oauthRejected: (operation, reason) => rejected.inc({ operation, reason }),
  };
}

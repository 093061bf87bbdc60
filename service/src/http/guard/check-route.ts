import type { IncomingMessage } from "node:http";
import type { CheckAsked, Checked } from "../../guard/check.ts";
import { identityOf } from "../../guard/identity.ts";
import { NOTHING_REQUIRED, type RequiredRead, readRequired } from "../../guard/required-scopes.ts";
import { type Answer, answerWith } from "../answer.ts";
import { valuesOf } from "../header-values.ts";
import type { Exchange } from "../route.ts";
import type { BoundRoute } from "../router.ts";
import { type NoteDeps, noteChecked } from "./note-checked.ts";
import { REJECTED } from "./rejection-headers.ts";

export interface CheckRouteDeps extends NoteDeps {
  readonly check: (asked: CheckAsked) => Promise<Checked>;
  /** Reports a member of a recipe that is not understood. */
  readonly misconfigured: (member: string) => void;
}

/**
 * `/check`: whether a request may pass, for a proxy that asks with the headers of that request. Any method: some proxies ask with that of
 * their client, and one that was answered apart, as OPTIONS is elsewhere, would pass. Only the query and `Authorization` are read.
 */
export function checkRoute(deps: CheckRouteDeps): BoundRoute {
  return { method: "ANY", path: "/check", handle: (exchange) => checked(deps, exchange) };
}

async function checked(deps: CheckRouteDeps, { incoming, requestId }: Exchange): Promise<Answer> {
  const read = requiredBy(incoming);
  if (read.kind === "unknown") {
    deps.misconfigured(read.member);
    deps.meter.checked("http", "misconfigured");
    return FORBIDDEN;
  }
  const authorization = valuesOf("authorization", incoming.rawHeaders);
  const outcome = await deps.check({ authorization, required: read.required });
  noteChecked(deps, "http", outcome, requestId);
  return answerTo(outcome);
}

/** What the recipe requires: the query that the proxy was configured to send. */
function requiredBy({ url = "" }: IncomingMessage): RequiredRead {
  const start = url.indexOf("?");
  return start === -1
    ? { kind: "required", required: NOTHING_REQUIRED }
    : readRequired(new URLSearchParams(url.slice(start + 1)));
}

/** One text for all: neither that a token is missing nor why one is rejected is a stranger's business (RFC 6750 section 3). */
const UNAUTHENTICATED = answerWith(401, REJECTED.unauthenticated.flat(), "");
const FORBIDDEN = answerWith(403, REJECTED.forbidden.flat(), "");
const UNAVAILABLE = answerWith(503, REJECTED.unavailable.flat(), "");

function answerTo(outcome: Checked): Answer {
  switch (outcome.kind) {
    case "allowed":
      return answerWith(200, ["cache-control", "no-store", ...identityOf(outcome.token).flat()], "");
    case "unauthenticated":
      return UNAUTHENTICATED;
    case "forbidden":
      return FORBIDDEN;
    case "unavailable":
      return UNAVAILABLE;
  }
}

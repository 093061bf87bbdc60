import type { IncomingMessage } from "node:http";
import { z } from "zod";
import type { CheckAsked, Checked } from "../../guard/check.ts";
import { type IdentityHeader, identityOf } from "../../guard/identity.ts";
import { NOTHING_REQUIRED, type RequiredRead, readRequired } from "../../guard/required-scopes.ts";
import { type Answer, answerWith } from "../answer.ts";
import { valuesOf } from "../header-values.ts";
import { type Exchange, type OpenRoute, UNCACHED } from "../route.ts";
import { type NoteDeps, noteChecked } from "./note-checked.ts";
import { REJECTED } from "./rejection-headers.ts";

export interface CheckRouteDeps extends NoteDeps {
  readonly check: (asked: CheckAsked) => Promise<Checked>;
  /** Reports a member of a recipe that is not understood. */
  readonly misconfigured: (member: string) => void;
}

/** What a proxy's configuration requires of the token. A name or a value that is none of these is answered with 403. */
const CheckQuery = z.object({
  can_start_sessions: z.literal("true").optional(),
  can_manage_mode_registry: z.literal("true").optional(),
  is_observer: z.literal("true").optional(),
  mode: z.array(z.string()).optional().meta({ description: "As often as needed: each must be allowed." }),
});

const { "cache-control": NO_STORE } = UNCACHED;
const IDENTITY: Readonly<Record<IdentityHeader, z.ZodType>> = {
  "x-auth-subject": z
    .string()
    .regex(/^[\x21-\x7e]*$/)
    .meta({ description: "The `sub`, percent-encoded.", header: { id: "AuthSubject" } }),
  "x-auth-token-id": z.string().meta({ description: "The `jti`.", header: { id: "AuthTokenId" } }),
  "x-auth-scopes": z
    .string()
    .regex(/^\{[\x20-\x7e]*\}$/)
    .meta({ description: "`macp_scopes` as JSON, in ASCII.", header: { id: "AuthScopes" } }),
  "x-auth-expires": z
    .string()
    .regex(/^[0-9]+$/)
    .meta({ description: "The `exp`, in seconds since 1970.", header: { id: "AuthExpires" } }),
};
const literal = (value: string, id: string) =>
  z.literal(value).meta({ description: `Always \`${value}\`.`, header: { id } });

/**
 * `/check`: whether a request may pass, for a proxy that asks with the headers of that request. Any method: some proxies ask with that of
 * their client, and one that was answered apart, as OPTIONS is elsewhere, would pass. Only the query and `Authorization` are read.
 */
export const checkPassage: OpenRoute<CheckRouteDeps> = {
  operationId: "checkRequest",
  tag: "guard",
  summary: "Whether a request may pass, and whose it is",
  description:
    "For a proxy, which asks with the `Authorization` header of a request. Only that header and the query are read: never the path, the method or the address of the request. Any answer but 200 means that the request must not pass.",
  method: "ANY",
  path: "/check",
  access: "anyone",
  params: { query: CheckQuery },
  answers: {
    200: {
      description: "The token is live and grants what is required.",
      headers: { "cache-control": NO_STORE, ...IDENTITY },
    },
    401: {
      description: "No token, more than one, or one that is not live.",
      headers: {
        "cache-control": NO_STORE,
        "www-authenticate": literal("Bearer", "Challenge"),
        "macp-error-code": literal("UNAUTHENTICATED", "Unauthenticated"),
      },
    },
    403: {
      description:
        "The token is live, but for another audience, or without the required scopes. Or the query is not understood.",
      headers: {
        "cache-control": NO_STORE,
        "www-authenticate": literal('Bearer error="insufficient_scope"', "ScopeChallenge"),
        "macp-error-code": literal("FORBIDDEN", "Forbidden"),
      },
    },
    503: {
      description: "It cannot be known now what is revoked, or no keys are known.",
      headers: { "cache-control": NO_STORE },
    },
  },
  reasons: [],
  handle: checked,
};

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

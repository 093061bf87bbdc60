import { z } from "zod";
import { type Answer, json } from "../answer.ts";
import type { Problem } from "../problem.ts";

/** What an error of an OAuth endpoint is called (RFC 6749 sections 4.1.2.1 and 5.2). */
const ERRORS = [
  "invalid_request",
  "invalid_client",
  "unauthorized_client",
  "server_error",
  "temporarily_unavailable",
] as const;
type OAuthError = (typeof ERRORS)[number];

/** The body of an error of an OAuth endpoint. */
const OAuthErrorBody = z
  .strictObject({
    error: z.enum(ERRORS).meta({ description: "What kind of error it is, for programs." }),
    error_description: z.string().meta({ description: "One line: what is wrong." }),
  })
  .meta({ id: "OAuthError" });

/** How the routes of this folder describe their problems. */
export const OAUTH_ERROR_FACTS = { schema: OAuthErrorBody, bodyOf: oauthErrorOf } as const;

/** A problem as an OAuth client reads it. Its status stays: a client that knows only that is right too. */
function oauthErrorOf({ status, text }: Pick<Problem, "status" | "text">): z.infer<typeof OAuthErrorBody> {
  return { error: errorOf(status), error_description: text };
}

/** The same as an answer that no cache may keep. */
export function oauthProblemAnswer(problem: Problem): Answer {
  return json(problem.status, oauthErrorOf(problem), problem.headers);
}

function errorOf(status: number): OAuthError {
  switch (status) {
    case 401:
      return "invalid_client";
    case 403:
      return "unauthorized_client";
    case 429:
    case 503:
      return "temporarily_unavailable";
    default:
      return status >= 500 ? "server_error" : "invalid_request";
  }
}

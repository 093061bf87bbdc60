import type { MintRefusal } from "../tokens/mint.ts";
import type { InvalidRequest } from "../tokens/mint-request.ts";

/** Why a request is answered with an error. One fixed code for each cause: in the log, in metrics and in docs/api/problems.md. */
export type Reason =
  | InvalidRequest["reason"]
  | MintRefusal["reason"]
  | "busy"
  | "not_found"
  | "body_too_large"
  | "body_corrupt"
  | "json_invalid"
  | "json_too_deep"
  | "charset_unsupported"
  | "encoding_unsupported"
  | "expectation_unsupported"
  | "request_malformed"
  | "headers_too_large"
  | "request_timeout"
  | "internal";

/** An error as the wire sees it: `{"error": text}` with `status`; `reason` stays in the log. */
export interface Problem {
  readonly status: number;
  readonly reason: Reason;
  readonly text: string;
  /** Seconds after which asking again makes sense. */
  readonly retryAfterSeconds?: number;
}

/** Each reason's status and its text where the text does not depend on the request. */
export const PROBLEMS = {
  sender_required: { status: 400, text: "sender is required" },
  scopes_invalid: { status: 400, text: "scopes must be an object" },
  ttl_invalid: { status: 400, text: "ttl_seconds must be a positive number" },
  not_unicode: { status: 400, text: "sender and scopes must be Unicode text" },
  number_inexact: { status: 400, text: "scopes hold a number that a double cannot hold exactly" },
  token_too_large: { status: 400, text: "the token would be larger than 12288 bytes" },
  no_signing_key: { status: 503, text: "no signing key is available" },
  busy: { status: 503, text: "too many tokens are being signed at once" },
  not_found: { status: 404, text: "not found" },
  body_too_large: { status: 413, text: "request body is larger than 102400 bytes" },
  body_corrupt: { status: 400, text: "request body does not match its content-encoding" },
  json_invalid: { status: 400, text: "invalid JSON body" },
  json_too_deep: { status: 400, text: "JSON body is nested deeper than 32 levels" },
  charset_unsupported: { status: 415, text: "unsupported charset: send the JSON body as UTF-8" },
  encoding_unsupported: { status: 415, text: "unsupported content-encoding: use gzip, deflate, br or none" },
  expectation_unsupported: { status: 417, text: "unsupported Expect header: only 100-continue is known" },
  request_malformed: { status: 400, text: "malformed HTTP request" },
  headers_too_large: { status: 431, text: "request headers are larger than 16384 bytes" },
  request_timeout: { status: 408, text: "the request took too long to arrive" },
  internal: { status: 500, text: "internal error" },
} as const satisfies Record<Reason, { status: number; text: string }>;

/** The problem for a reason, with its usual text or one that names the member at fault. */
export function problem(reason: Reason, text: string = PROBLEMS[reason].text): Problem {
  return { status: PROBLEMS[reason].status, reason, text };
}

/** What a caller is told of a refusal to mint. */
export function problemOf(refusal: MintRefusal): Problem {
  switch (refusal.reason) {
    case "token_too_large":
      return problem(
        refusal.reason,
        `the token would be ${String(refusal.bytes)} bytes long, more than ${String(refusal.bytesMax)}: send a shorter sender or fewer scopes`,
      );
    case "no_signing_key":
      return { ...problem(refusal.reason), retryAfterSeconds: 5 };
  }
}

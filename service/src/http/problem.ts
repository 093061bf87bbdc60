import type { LimitReason } from "../limits/limit-reason.ts";
import type { MintRefusal } from "../tokens/mint.ts";
import type { InvalidRequest } from "../tokens/mint-request.ts";
import { DEPTH_MAX, type ParentFault } from "../tokens/parent.ts";

interface ProblemRow {
  readonly status: number;
  /** The usual text; one that depends on the request may take its place. */
  readonly text: string;
  /** Header names and values in turn that every answer with this reason carries. */
  readonly headers?: readonly string[];
}

const LATER = ["retry-after", "1"];

/** Every reason for an error, of both listeners: one fixed code each, in the log, in metrics and in docs/api/problems.md. */
export const PROBLEMS = {
  sender_required: { status: 400, text: "sender is required" },
  scopes_invalid: { status: 400, text: "scopes must be an object" },
  ttl_invalid: { status: 400, text: "ttl_seconds must be a positive number" },
  not_unicode: { status: 400, text: "sender and scopes must be Unicode text" },
  number_inexact: { status: 400, text: "scopes hold a number that a double cannot hold exactly" },
  token_too_large: { status: 400, text: "the token would be larger than 12288 bytes" },
  run_invalid: { status: 400, text: "run must be a text of 1 to 128 characters" },
  parent_invalid: { status: 400, text: "parent must be a live token of this service" },
  audience_invalid: { status: 400, text: "audience must be one text" },
  credentials_several: {
    status: 400,
    text: "send one credential: one Authorization header, and none in the body",
  },
  credential_required: {
    status: 401,
    text: "a valid credential is required",
    headers: ["www-authenticate", "Bearer"],
  },
  not_allowed: { status: 403, text: "the policy does not allow this token" },
  no_signing_key: { status: 503, text: "no signing key is available", headers: ["retry-after", "5"] },
  ledger_unavailable: {
    status: 503,
    text: "the token cannot be recorded now",
    headers: ["retry-after", "1"],
  },
  revoked: { status: 403, text: "this sender, run or parent was revoked" },
  revoked_lately: {
    status: 503,
    text: "this sender or caller was revoked in this second",
    headers: ["retry-after", "1"],
  },
  busy: { status: 503, text: "too many tokens are being signed at once", headers: ["retry-after", "1"] },
  token_required: { status: 400, text: "token is required" },
  form_required: { status: 400, text: "send the parameters as application/x-www-form-urlencoded" },
  parameter_too_long: { status: 400, text: "a parameter is longer than it may be" },
  introspection_not_allowed: { status: 403, text: "this caller may not ask about tokens" },
  revocation_not_allowed: { status: 403, text: "this caller may not stop this token" },
  revocations_stale: { status: 503, text: "what was revoked lately is not known now", headers: LATER },
  status_lists_stale: { status: 503, text: "what was revoked lately is not known now", headers: LATER },
  revocation_unavailable: {
    status: 503,
    text: "the revocation is not known to be stored; send it again",
    headers: LATER,
  },
  guard_not_allowed: { status: 403, text: "this caller may not follow what is revoked" },
  feed_query_invalid: { status: 400, text: "the query is invalid; docs/guard-sidecar.md describes it" },
  // Sent with the time until the bucket has a token.
  limit_address: { status: 429, text: "too many requests from this address", headers: LATER },
  limit_caller: { status: 429, text: "too many tokens for this caller", headers: LATER },
  limit_sender: { status: 429, text: "too many tokens for this sender", headers: LATER },
  limit_global: { status: 429, text: "too many tokens for all callers together", headers: LATER },
  limit_failures: { status: 429, text: "too many failed credentials", headers: LATER },
  not_found: { status: 404, text: "not found" },
  body_too_large: { status: 413, text: "request body is larger than 102400 bytes" },
  body_corrupt: { status: 400, text: "request body does not match its content-encoding" },
  json_invalid: { status: 400, text: "invalid JSON body" },
  json_too_deep: { status: 400, text: "JSON body is nested deeper than 32 levels" },
  form_invalid: {
    status: 400,
    text: "invalid form body: send each parameter once, percent-encoded as UTF-8",
  },
  charset_unsupported: { status: 415, text: "unsupported charset: send the JSON body as UTF-8" },
  encoding_unsupported: { status: 415, text: "unsupported content-encoding: use gzip, deflate, br or none" },
  expectation_unsupported: { status: 417, text: "unsupported Expect header: only 100-continue is known" },
  request_malformed: { status: 400, text: "malformed HTTP request" },
  headers_too_large: { status: 431, text: "request headers are larger than 16384 bytes" },
  request_timeout: { status: 408, text: "the request took too long to arrive" },
  internal: { status: 500, text: "internal error" },
  unauthorised: {
    status: 401,
    text: "a bearer token is required",
    headers: ["www-authenticate", "Bearer"],
  },
  not_this_machine: {
    status: 403,
    text: "without a token, only programs on this machine are accepted",
  },
  role_insufficient: { status: 403, text: "the role of this caller does not allow this" },
  question_invalid: { status: 400, text: "the query is invalid; docs/ledger.md describes it" },
  token_unknown: { status: 404, text: "the ledger has no token with this id" },
  issuer_unknown: { status: 404, text: "no issuer has this name" },
  json_required: { status: 415, text: "send a JSON body as application/json, or none" },
  operation_invalid: { status: 400, text: "the body is invalid; docs/operations.md describes it" },
  ledger_off: {
    status: 409,
    text: "nothing is recorded here, so there is nothing to ask or to stop: see MACP_AUTH_LEDGER",
  },
  selector_invalid: {
    status: 400,
    text: "name exactly one of jti, token, sender, run, caller, kid, root, with a value that a token can have",
  },
  events_off: {
    status: 409,
    text: "nobody is sent events here: see MACP_AUTH_EVENTS_URL",
  },
  receiver_unknown: { status: 404, text: "no receiver of events has this name" },
  revocation_unknown: { status: 404, text: "no revocation with this number stands" },
  keys_given: {
    status: 409,
    text: "the service uses a given key and has no managed keys; replace the key file, or move the key into a store with: macp-auth keys import",
  },
  store_rejected: { status: 409, text: "this replica rejects the store; see docs/operations.md" },
  store_unavailable: {
    status: 503,
    text: "the store cannot be reached",
    headers: ["retry-after", "10"],
  },
} as const satisfies Readonly<
  Record<InvalidRequest["reason"] | MintRefusal["reason"] | LimitReason, ProblemRow> &
    Record<string, ProblemRow>
>;

export type Reason = keyof typeof PROBLEMS;

/** An error as the wire sees it: `{"error": text}` with `status` and `headers`; `reason` stays in the log. */
export interface Problem {
  readonly status: number;
  readonly reason: Reason;
  readonly text: string;
  readonly headers: readonly string[];
}

/** The problem for a reason, with its usual text or one that depends on the request. */
export function problem(reason: Reason, text: string = PROBLEMS[reason].text): Problem {
  const { status, headers = [] }: ProblemRow = PROBLEMS[reason];
  return { status, reason, text, headers };
}

/** The problem of a mint that was rejected. */
export function problemOf(refusal: MintRefusal): Problem {
  switch (refusal.reason) {
    case "token_too_large":
      return tooLarge(refusal);
    case "run_invalid":
      return problem(refusal.reason, "run must be that of the parent, or be left out");
    case "parent_invalid":
      return problem(refusal.reason, PARENT_TEXTS[refusal.why]);
    default:
      return problem(refusal.reason);
  }
}

const PARENT_TEXTS: Readonly<Record<ParentFault, string | undefined>> = {
  not_live: undefined,
  not_recorded: "the parent is not in the ledger, so nothing can stand under it",
  audience_other: "the parent is for another audience",
  too_deep: `the parent has ${String(DEPTH_MAX)} tokens above it already`,
};

function tooLarge({ reason, bytes, bytesMax }: Extract<MintRefusal, { reason: "token_too_large" }>): Problem {
  return problem(
    reason,
    `the token would be ${String(bytes)} bytes long, more than ${String(bytesMax)}: send a shorter sender or fewer scopes`,
  );
}

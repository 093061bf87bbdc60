import type { FetchFailureReason } from "../../callers/fetch-document.ts";

/** Why a poll of the mint brought nothing: a closed set, for the log and the figures. */
export type FeedFailureReason =
  | FetchFailureReason
  /** 401: the credential proves no caller there. */
  | "credential_rejected"
  /** 403: its caller has no `guards: true`. */
  | "not_allowed"
  /** 404: nothing is recorded there, no caller has `guards: true`, or the URL is another program's. */
  | "no_feed"
  /** 429. */
  | "limited"
  /** 503: it does not know now itself, or serves no key. */
  | "mint_blind"
  /** The file of the credential: it cannot be read, or holds none. */
  | "credential_unreadable"
  /** What came is no page of a feed, or has no keys though none are known. */
  | "page_malformed"
  /** The page is about the tokens of another issuer. */
  | "issuer_other"
  /** More is stopped than this process may hold. */
  | "too_many";

/** A poll that brought nothing. What was known stays, and becomes old. */
export class FeedFailure extends Error {
  override readonly name = "FeedFailure";
  readonly reason: FeedFailureReason;
  /** The HTTP status, or the other issuer. */
  readonly detail: string | undefined;

  constructor(reason: FeedFailureReason, detail?: string) {
    super(detail === undefined ? reason : `${reason} (${detail})`);
    this.reason = reason;
    this.detail = detail;
  }
}

const BY_STATUS: ReadonlyMap<number, FeedFailureReason> = new Map([
  [401, "credential_rejected"],
  [403, "not_allowed"],
  [404, "no_feed"],
  [429, "limited"],
  [503, "mint_blind"],
]);

/** The failure of a request that brought no document. */
export function failureOfFetch(reason: FetchFailureReason, status: number | undefined): FeedFailure {
  if (reason !== "status_unexpected" || status === undefined) return new FeedFailure(reason);
  return new FeedFailure(BY_STATUS.get(status) ?? reason, String(status));
}

/** What does not pass by itself: an operator must act, and asking at once again only fills a log. */
const LASTING: ReadonlySet<FeedFailureReason> = new Set([
  "credential_rejected",
  "not_allowed",
  "no_feed",
  "limited",
  "credential_unreadable",
  "issuer_other",
  "too_many",
  "url_invalid",
  "url_insecure",
  "address_forbidden",
]);

/** Whether to wait before the next poll. */
export function isLasting(reason: FeedFailureReason): boolean {
  return LASTING.has(reason);
}

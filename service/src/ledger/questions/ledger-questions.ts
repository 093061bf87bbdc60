import type { EpochMs, EpochSeconds } from "../../kernel/clock.ts";
import type { EntryKind } from "../entry.ts";
import type { StoredEntry } from "../ledger-store.ts";
import type { Cursor } from "./cursor.ts";

/** Which entries are asked for: those that match every member. */
export interface EntryFilter {
  readonly kind?: EntryKind | undefined;
  readonly sender?: string | undefined;
  readonly caller?: string | undefined;
  readonly run?: string | undefined;
  readonly jti?: string | undefined;
  readonly kid?: string | undefined;
  readonly reason?: string | undefined;
  /** SHA-256 of the signing input of a token, base64url. */
  readonly digest?: string | undefined;
  /** Not before this moment. */
  readonly from?: EpochMs | undefined;
  /** Before this moment. */
  readonly to?: EpochMs | undefined;
}

/** Whose tokens are asked for. */
export type Holder =
  | { readonly kind: "sender"; readonly sender: string }
  | { readonly kind: "caller"; readonly caller: string }
  | { readonly kind: "run"; readonly run: string };

/** A part of a long answer. */
export interface PageAsked {
  /** At most so many, from 1 to `PAGE_MAX`. */
  readonly limit: number;
  /** Where the page before ended; `undefined`: the first page. */
  readonly after: Cursor | undefined;
}

/** More is asked for page by page. */
export const PAGE_MAX = 500;

/**
 * A page, the newest first. It may have fewer entries than asked for, or none, and yet not be the last: the work of a page is bounded
 * as well. New entries do not move what later pages show.
 */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Where the next page begins; `undefined`: this was the last. */
  readonly next: Cursor | undefined;
}

/** Of which hours or days entries are counted. */
export interface CountsAsked {
  readonly by: "hour" | "day";
  /** Also apart for each caller. */
  readonly byCaller: boolean;
  readonly kind?: EntryKind | undefined;
  readonly caller?: string | undefined;
  readonly from: EpochMs;
  readonly to: EpochMs;
  /** Where the page before ended; with an empty kind, at the end of its hour or day. */
  readonly after: Count | undefined;
}

/** How many entries there are of an hour or a day. */
export interface Count {
  readonly from: EpochSeconds;
  readonly kind: string;
  /** `undefined`: of all callers. Empty: of none. */
  readonly caller: string | undefined;
  readonly entries: number;
}

/** At most so many counts come at once. */
export const COUNTS_MAX = 2_000;

/** Port. What is asked of the ledger. Each method is one consistent read and rejects with `StoreUnavailable`. */
export interface LedgerQuestions {
  /** The entries that match, the newest first. */
  entries(filter: EntryFilter, page: PageAsked): Promise<Page<StoredEntry>>;
  /** The tokens that had not ended at `now`, whether they were revoked or not, the newest first. */
  unexpired(holder: Holder, now: EpochSeconds, page: PageAsked): Promise<Page<StoredEntry>>;
  /** The tokens that stand under this one, of all depths, the oldest first, at most `limit`; `from`: when it was issued. */
  under(root: string, from: number, limit: number): Promise<readonly StoredEntry[]>;
  /** The newest hour or day first, and in it by kind and caller; at most `COUNTS_MAX`. */
  counts(asked: CountsAsked): Promise<readonly Count[]>;
}

import type { Branded } from "../../kernel/branded.ts";
import { type EpochMs, type EpochSeconds, epochSeconds } from "../../kernel/clock.ts";
import type { Jti } from "../../kernel/ids.ts";
import type { Random } from "../../kernel/random.ts";
import type { Selector, SelectorKind } from "./selector.ts";

/** Names a revocation before it has an epoch, in the ledger and in the store: 96 random bits, base64url, 16 characters. */
export type RevocationId = Branded<string, "RevocationId">;

const ID_BYTES = 12;

/** The name of a new revocation. */
export function newRevocationId(random: Random): RevocationId {
  return random.bytes(ID_BYTES).toString("base64url") as RevocationId;
}

/** Reads the name of a revocation; `undefined` when it is none. */
export function parseRevocationId(text: string): RevocationId | undefined {
  return /^[A-Za-z0-9_-]{16}$/.test(text) ? (text as RevocationId) : undefined;
}

/** How long a verifier may accept a token after its end (the runtime: 60 s), and a margin for clocks. */
export const LEEWAY_SECONDS = 120;

/** A moment that does not come: the end of the year 9999, which every engine and every printer of times has. */
export const NEVER = epochSeconds(253_402_300_799);

/** How much a revocation stops, or would: tokens that have not expired, and the senders that they speak for. */
export interface Reach {
  readonly tokens: number;
  readonly agents: number;
}

/** Who changes what is revoked, and why. `id`: the same of a call that is repeated. */
export interface RevocationOrder {
  readonly id: RevocationId;
  readonly by: string;
  readonly reason: string;
}

/** A revocation, or that one was taken back, as it was committed. */
export interface StoredRevocation extends Reach, RevocationOrder {
  /** Its number: one more than that of the one before. */
  readonly epoch: number;
  readonly at: EpochMs;
  /** `undo`: it takes `ends` back. */
  readonly kind: SelectorKind | "undo";
  /** `subjectOf` its selector; of an undo, that of the revocation that it takes back. */
  readonly subject: string;
  /** What was issued in this second or before is stopped; only of a sender and a caller. */
  readonly cutOff: EpochSeconds | undefined;
  /** When nothing is left for it to stop. `NEVER` of a run: it gets no new tokens. */
  readonly until: EpochSeconds;
  /** The epoch that it takes back, or whose tokens it stops again: the earlier one no longer counts. */
  readonly ends: number | undefined;
  /** The epoch that ended it. */
  readonly endedBy: number | undefined;
}

/** What a replica must know of a revocation beside its tokens. */
export interface RevocationRule
  extends Pick<StoredRevocation, "epoch" | "kind" | "subject" | "cutOff" | "until"> {
  /**
   * What it takes back, or takes the place of, and what that one had taken the place of, and so on: a replica may have missed those
   * between.
   */
  readonly ends: readonly number[];
}

/** A token that a revocation stops. */
export interface RevokedToken {
  readonly epoch: number;
  readonly jti: Jti;
  /** When it leaves the list: its own end, and the leeway of verifiers. */
  readonly until: EpochSeconds;
}

/** Where a reader of changes is: it has all of earlier epochs, and the tokens of `epoch` up to `jti`. */
export interface ChangesFrom {
  readonly epoch: number;
  readonly jti: string;
  /** The revocation before `epoch`, as the reader knows it. A store that has another one there answers as one that was put back. */
  readonly after?: string | undefined;
}

/** To a reader who knows revocations that this store does not have: an earlier epoch than it knows, and nothing else. */
export const PUT_BACK: RevocationChanges = { epoch: 0, rules: [], tokens: [], next: undefined };

/** A page of what was revoked. What was ended, or has nothing left to stop, is left out. */
export interface RevocationChanges {
  /** All of this epoch and earlier ones is known after this page. */
  readonly epoch: number;
  /** By epoch; some may be repeated on the next page. */
  readonly rules: readonly RevocationRule[];
  readonly tokens: readonly RevokedToken[];
  /** Where the next page begins; `undefined`: this was the last. */
  readonly next: ChangesFrom | undefined;
  /** The revocation with the number `epoch`, on the last page: a failover may lose it, and another one gets its number. */
  readonly last?: string | undefined;
  /** How old this was already when it was read, where another one's memory answered; none: it is of the moment. */
  readonly ageMs?: number;
}

/** What the ledger knows of a token of ours. */
export interface Issuance {
  readonly jti: Jti;
  readonly caller: string;
  readonly sender: string;
  readonly exp: EpochSeconds;
  readonly run: string | undefined;
  readonly parent: Jti | undefined;
  readonly root: Jti;
  /** How many tokens stand above it. */
  readonly depth: number;
}

/** Port. What is revoked, for all replicas. Each method is one transaction and rejects with `StoreUnavailable`. */
export interface RevocationStore {
  /** Durable when it resolves. Twice with the same id is once. One that still stands and stops the same is ended by it. */
  revoke(selector: Selector, order: RevocationOrder): Promise<StoredRevocation>;
  /** Takes a revocation back; `undefined`: none with this epoch stands. */
  undo(epoch: number, order: RevocationOrder): Promise<StoredRevocation | undefined>;
  /** What a revocation would stop now. */
  preview(selector: Selector): Promise<Reach>;
  /** The number of the revocation of just this selector that stands; `undefined`: none does. */
  standing(selector: Selector): Promise<number | undefined>;
  /** What was revoked from this place on, and still stands. */
  changes(from: ChangesFrom): Promise<RevocationChanges>;
  /** The newest first, at most `limit`, only those before an epoch. */
  list(before: number | undefined, limit: number): Promise<readonly StoredRevocation[]>;
  /** A token of ours, by its `iat`. */
  issuanceOf(jti: Jti): Promise<Issuance | undefined>;
  /**
   * Removes the tokens that have left the list, by the store's clock and by this moment too, at most some thousands; how many. The
   * revocations stay.
   */
  prune(now: EpochSeconds): Promise<number>;
}

import type { Branded } from "../../kernel/branded.ts";
import type { EpochMs, EpochSeconds } from "../../kernel/clock.ts";
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

/** How much a revocation stops, or would: tokens that are live, and the senders that they speak for. */
export interface Reach {
  readonly tokens: number;
  readonly agents: number;
}

/** A revocation that is about to be committed. */
export interface RevocationOrder {
  readonly id: RevocationId;
  readonly selector: Selector;
  readonly by: string;
  readonly reason: string;
  /** The life of the longest-lived token, in seconds: no entry has to last longer. */
  readonly lifeSecondsMax: number;
}

/** A revocation, or that one was taken back, as it was committed. */
export interface StoredRevocation extends Reach {
  /** Its number: one more than that of the one before. */
  readonly epoch: number;
  readonly id: RevocationId;
  readonly at: EpochMs;
  /** `undo`: it takes `undoes` back. */
  readonly kind: SelectorKind | "undo";
  /** `subjectOf` its selector; of an undo, the epoch that it takes back. */
  readonly subject: string;
  /** What was issued in this second or before is stopped; only of a sender and a caller. */
  readonly cutOff: EpochSeconds | undefined;
  /** When nothing is left for it to stop. */
  readonly until: EpochSeconds;
  readonly by: string;
  readonly reason: string;
  /** The epoch that took it back, or that stops the same again. */
  readonly endedBy: number | undefined;
}

/** A token that a revocation stops. */
export interface RevokedToken {
  readonly epoch: number;
  readonly jti: Jti;
  /** When it leaves the list: its own end, and the leeway of verifiers. */
  readonly until: EpochSeconds;
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
}

/** Where a reader of changes is: it has all tokens of earlier epochs, and those of `epoch` up to `jti`. */
export interface ChangesAfter {
  readonly epoch: number;
  readonly jti: string;
}

/** A page of what was revoked. */
export interface RevocationChanges {
  /** Of the store, at the moment of this read. */
  readonly epoch: number;
  readonly revocations: readonly StoredRevocation[];
  readonly tokens: readonly RevokedToken[];
  /** Where the next page begins; `undefined`: this was the last, and everything up to `epoch` is known. */
  readonly next: ChangesAfter | undefined;
}

/** Port. What is revoked, for all replicas. Each method is one transaction and rejects with `StoreUnavailable`. */
export interface RevocationStore {
  /** Durable when it resolves. Twice with the same id is once. */
  revoke(order: RevocationOrder): Promise<StoredRevocation>;
  /** Takes a revocation back; `undefined`: there is none with this epoch that stands. */
  undo(
    epoch: number,
    order: Omit<RevocationOrder, "selector" | "lifeSecondsMax">,
  ): Promise<StoredRevocation | undefined>;
  /** What a revocation would stop now. */
  preview(selector: Selector): Promise<Reach>;
  /** What was revoked after this place, and still stands, in the order of epochs. */
  changes(after: ChangesAfter): Promise<RevocationChanges>;
  /** The newest first, at most `limit`, those before an epoch. */
  list(before: number | undefined, limit: number): Promise<readonly StoredRevocation[]>;
  /** A token of ours; its `iat` says where to look for it. */
  issuanceOf(jti: Jti, iat: EpochSeconds): Promise<Issuance | undefined>;
  /** Removes the tokens that have left the list. The revocations stay. */
  prune(): Promise<number>;
}

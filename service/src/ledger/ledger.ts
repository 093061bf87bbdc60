import type { EpochSeconds } from "../kernel/clock.ts";
import type { Jti, Kid, Sender } from "../kernel/ids.ts";
import type { MintFacts, RejectionFacts } from "./entry.ts";
import type { RejectionEntries } from "./rejections.ts";
import type { LedgerWriter } from "./writer.ts";

/** How a ledger records: `async` may lose what a crash or an outage of the store overtakes, and says how much. */
export const LEDGER_MODES = ["off", "async", "durable"] as const;
export type LedgerMode = (typeof LEDGER_MODES)[number];

/** What decides whether a token is stopped. `run` and `caller` are known of tokens that the ledger was asked for. */
export interface TokenFacts {
  readonly jti: Jti;
  readonly sub: Sender;
  readonly iat: EpochSeconds;
  readonly kid: Kid;
  readonly parent?: Jti | undefined;
  readonly run?: string | undefined;
  readonly caller?: string | undefined;
}

/** How old the newest look at the store is. */
export interface Freshness {
  /** Since the last look that found everything began; infinite before the first. */
  readonly ageMs: number;
  /** Young enough to say that a token is not revoked. */
  readonly isFresh: boolean;
}

/** Port. What is revoked, as this replica knows it: from memory, without waiting. */
export interface Revocations {
  /** How many revocations this replica knows. */
  readonly epoch: number;
  /** The id of the last of them; `undefined`: there is none yet, or it is not known. */
  readonly last?: string | undefined;
  /** Resolves when it knows at least this many; rejects with `StoreUnavailable`. */
  catchUp(epoch: number): Promise<void>;
  freshness(): Freshness;
  /** Whether a token is stopped, or its parent by its id, or all of its run. */
  isStopped(token: TokenFacts): boolean;
  /** The first second in which a token of this sender, had by this caller, would not be stopped at once; `undefined`: any. */
  firstFreeSecond(token: Pick<TokenFacts, "sub" | "caller">): EpochSeconds | undefined;
}

/** What becomes of a token whose entry was asked for. */
export type Release =
  /** It may leave. */
  | "released"
  /** It was stopped before it left. */
  | "stopped"
  | "unavailable"
  | "busy";

/** Port. The ledger as minting sees it. */
export interface Ledger {
  readonly revocations: Revocations;
  /** Resolves when the token may leave, or why it must not. Never rejects for the store. `parent`: the token that it stands under. */
  recordMint(facts: MintFacts, parent?: TokenFacts): Promise<Release>;
  /** Never waits for anything. */
  recordRejection(facts: RejectionFacts): void;
}

/** What an open ledger is made of. `writer` writes the entries of tokens, `rejections` those of requests without one. */
export interface LedgerParts<Way extends keyof LedgerWriter> {
  readonly writer: Pick<LedgerWriter, Way>;
  readonly rejections: Pick<RejectionEntries, "note">;
  readonly revocations: Revocations;
}

/** A ledger that lets a token leave once its entry is on the disk, and no revocation that was committed before stops it. */
export function durableLedger({ writer, rejections, revocations }: LedgerParts<"record">): Ledger {
  return {
    revocations,
    async recordMint(facts, parent) {
      // No entry says that a token was issued which was not.
      if (releaseOf(revocations, facts, parent) === "stopped") return "stopped";
      const recorded = await writer.record({ kind: "mint", facts });
      if (recorded.kind !== "recorded") return recorded.kind;
      // What was committed after the entry found it; what was committed before may be news here.
      if (recorded.epoch > revocations.epoch) {
        try {
          await revocations.catchUp(recorded.epoch);
        } catch {
          return "unavailable";
        }
      }
      return releaseOf(revocations, facts, parent);
    },
    recordRejection: (facts) => {
      rejections.note(facts);
    },
  };
}

/**
 * A ledger that lets a token leave at once: its entry follows within milliseconds while the store works, and is kept in memory while it
 * does not. What a crash overtakes is lost; what finds no place is counted in an entry. A revocation that is news here comes too late
 * for a token that leaves meanwhile.
 */
export function asyncLedger({ writer, rejections, revocations }: LedgerParts<"keep">): Ledger {
  return {
    revocations,
    recordMint(facts, parent) {
      writer.keep({ kind: "mint", facts });
      return Promise.resolve(releaseOf(revocations, facts, parent));
    },
    recordRejection: (facts) => {
      rejections.note(facts);
    },
  };
}

function releaseOf(revocations: Revocations, facts: MintFacts, parent: TokenFacts | undefined): Release {
  const isStopped =
    revocations.isStopped(tokenOf(facts)) || (parent !== undefined && revocations.isStopped(parent));
  return isStopped ? "stopped" : "released";
}

function tokenOf({ jti, sender, iat, kid, parent, run, caller }: MintFacts): TokenFacts {
  return { jti, sub: sender, iat, kid, parent, run, caller };
}

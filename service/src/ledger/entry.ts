import type { CallerId, ProofKind } from "../callers/caller.ts";
import type { EpochSeconds } from "../kernel/clock.ts";
import type { Jti, Kid, RequestId, Sender } from "../kernel/ids.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import type { Scopes } from "../scopes/scopes.ts";

/** What the entries of a ledger record. */
export const ENTRY_KINDS = [
  /** The first of a chain: who writes it, and the heads of all chains that it saw. */
  "start",
  /** A token was issued. */
  "mint",
  /** A request got no token. */
  "rejection",
  /** How many requests got no token that have no entry of their own, by reason. */
  "rejections",
  /** An operator or a caller stopped tokens. */
  "revocation",
  /** A revocation was taken back. */
  "undo",
  /** This number of entries was lost: the ledger is not durable, and the store was away. */
  "lost",
  /** A break of a chain that an operator has looked into. */
  "reanchor",
  /** Entries that were removed for their age. */
  "pruned",
  /** The writer ended in an orderly way. */
  "end",
] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** How a request reached this service. */
export interface RequestFacts {
  readonly request_id: RequestId;
  /** Of the W3C trace context that came with the request. */
  readonly trace_id?: string | undefined;
  /** The client's address, as far as it is known. */
  readonly address?: string | undefined;
}

/** What is recorded of a request for a token, whatever became of it. */
export interface AskedFacts {
  readonly caller: CallerId;
  /** `undefined`: nobody was asked for a proof. */
  readonly proof?: ProofKind | undefined;
  readonly sender?: Sender | undefined;
  readonly scopes_asked?: Scopes | undefined;
  readonly ttl_asked?: number | undefined;
  readonly run?: string | undefined;
  readonly parent?: Jti | undefined;
  /** The hash of the policy that decided. */
  readonly policy?: string | undefined;
}

/** An issuance: what is recorded of a token. Never the token. */
export interface MintFacts extends AskedFacts, RequestFacts {
  readonly jti: Jti;
  readonly kid: Kid;
  readonly alg: Algorithm;
  readonly sender: Sender;
  readonly audience: string;
  readonly scopes: Scopes;
  readonly iat: EpochSeconds;
  readonly exp: EpochSeconds;
  /** The grant of the policy that allowed it. */
  readonly grant?: string | undefined;
  readonly narrowed?: readonly string[] | undefined;
  /** The token at the top of the lineage; `undefined`: this one. */
  readonly root?: Jti | undefined;
  /** How many tokens stand above this one; `undefined`: none. */
  readonly depth?: number | undefined;
  /** The bit of a status list that says whether it is stopped; `undefined`: it has none. */
  readonly status?: { readonly list: string; readonly idx: number } | undefined;
  /** SHA-256 of the signing input (header.payload), base64url. */
  readonly digest: string;
}

/** What is recorded of a request that got no token. */
export interface RejectionFacts extends Partial<Omit<AskedFacts, "caller">>, RequestFacts {
  /** `undefined`: nobody proved who calls. */
  readonly caller?: CallerId | undefined;
  readonly reason: string;
  readonly status: number;
  /** What the policy said, and the rule that it came from. */
  readonly decision?: string | undefined;
  readonly rule?: string | undefined;
}

/** An entry before it has a place in a chain. Members of `facts` that are undefined are left out of the record. */
export type Entry =
  | { readonly kind: "mint"; readonly facts: MintFacts }
  | { readonly kind: "rejection"; readonly facts: RejectionFacts }
  | { readonly kind: Exclude<EntryKind, "mint" | "rejection">; readonly facts: object };

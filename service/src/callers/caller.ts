import type { Branded } from "../kernel/branded.ts";
import type { TextSet } from "../kernel/patterns/text-set.ts";

/** Names a declared caller. 1 to 64 characters of `[a-z0-9._-]`; the first is a letter or a digit. */
export type CallerId = Branded<string, "CallerId">;

const CALLER_ID = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Reads the id of a caller; `undefined` when it is none. */
export function parseCallerId(text: string): CallerId | undefined {
  return CALLER_ID.test(text) ? (text as CallerId) : undefined;
}

/** The caller of a shared secret that is a setting of its own. */
export const DEFAULT_CALLER = "default" as CallerId;
/** Who sends the token of the admin listener. */
export const ADMIN_TOKEN_CALLER = "admin-token" as CallerId;
/** A program on this machine, on an admin listener that has no token. */
export const THIS_MACHINE_CALLER = "this-machine" as CallerId;

/** As the log and the figures name who proved nothing. */
export const UNPROVED_CALLER = "anyone" as CallerId;

/** What an operator may do on the admin listener; a caller without a role may do nothing there. */
export const ROLES = ["viewer", "operator", "security"] as const;
export type Role = (typeof ROLES)[number];

export const PROOF_KINDS = [
  "shared_secret",
  "workload_jwt",
  "private_key_jwt",
  "certificate",
  "admin_token",
  "this_machine",
] as const;
/** How a caller proved who it is. */
export type ProofKind = (typeof PROOF_KINDS)[number];

/** What a proof says about the caller, by the short names of its issuer's preset. Shared secrets say nothing: `{}`. */
export type ProofClaims = Readonly<Record<string, string>>;

/** What a caller may do with tokens that exist, beside stopping those that it had minted. */
export interface TokenRights {
  /** The audiences whose tokens it may ask about. */
  readonly introspects: readonly string[];
  /** The senders whose tokens it may stop, minted by any caller. */
  readonly revokes: TextSet;
  /** Whether it may follow all that is revoked, as a guard of its own process does. */
  readonly guards: boolean;
}

/** A caller that is declared, and whose proof was checked. */
export interface DeclaredCaller {
  readonly kind: "declared";
  readonly id: CallerId;
  readonly proof: ProofKind;
  readonly claims: ProofClaims;
  readonly role: Role | undefined;
  /** `undefined`: it may ask about no token, and stop only those that it had minted. */
  readonly rights?: TokenRights | undefined;
}

/**
 * Evidence of who calls this service. What acts for a caller takes one as an argument, so that it cannot be reached before the
 * caller was looked at. Each kind of proof is a file of this room, with a function from the proof to a Caller or the reason why
 * there is none.
 */
export type Caller = Branded<CallerFacts, "Caller">;

/** What is known of a caller, by the kind of its proof. */
type CallerFacts = { readonly kind: "anyone" } | DeclaredCaller;

/** The caller that a proof found. Only the proofs of this room call it (a lint rule). */
export function provedCaller(facts: CallerFacts): Caller {
  return facts as Caller;
}

import type { CallerId } from "../callers/caller.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import type { Rights } from "../scopes/meaning.ts";
import type { TtlRules } from "./ttl.ts";

/** Who may have which tokens minted: plain data, groups expanded. What no grant allows is rejected, and a deny wins over every grant. */
export interface Policy {
  /** In the order in which they are tried. Never merged: one grant alone allows a token. */
  readonly grants: readonly Grant[];
  readonly denies: readonly Deny[];
}

/** Tokens that some callers may have minted. */
export interface Grant {
  /** Unique among the grants: 1 to 64 of `[A-Za-z0-9._-]`. */
  readonly name: string;
  readonly callers: readonly CallerId[];
  /** Patterns (kernel/patterns) whose templates `{claims.NAME}` bind the sender to the caller's proof. */
  readonly senders: readonly string[];
  /** The most that the token gives at the runtime; `undefined` in it is no limit. */
  readonly scopes: Rights;
  /** What happens to scopes that the runtime does not know: passed on unchanged, or a reason to reject. */
  readonly unknownScopes: "allow" | "deny";
  /** At least 1; `undefined`: the service's own maximum. */
  readonly maxTtlSeconds: number | undefined;
  /** Patterns without templates; `undefined`: only the service's own audience. */
  readonly audiences: readonly string[] | undefined;
  /** `undefined`: any. */
  readonly algorithms: readonly Algorithm[] | undefined;
  /** Claims that the caller's proof must carry, each with a value that matches one of the patterns. No templates. */
  readonly claims: Readonly<Record<string, readonly string[]>>;
  /** A request that asks for more by name is rejected, or gets what the grant gives. */
  readonly onExcess: "reject" | "narrow";
}

/** Tokens that nobody gets, or that some callers do not get. All of its parts must match; `undefined` matches everything. */
export interface Deny {
  /** Unique among the denies: 1 to 64 of `[A-Za-z0-9._-]`. */
  readonly name: string;
  readonly callers: readonly CallerId[] | undefined;
  /** Patterns without templates: a deny must not fail for want of a claim. */
  readonly senders: readonly string[] | undefined;
  readonly audiences: readonly string[] | undefined;
}

/** What the service does where neither the request nor a grant says something. */
export interface PolicyRules extends TtlRules {
  /** The `aud` of a token whose request names no audience. */
  readonly audience: string;
}

import type { CallerId } from "../../callers/caller.ts";
import type { Jti, Kid, Sender } from "../../kernel/ids.ts";

/** What a revocation stops: always also everything that stands under it. */
export type Selector =
  /** One token. */
  | { readonly kind: "jti"; readonly jti: Jti }
  /** Everything that was issued for a sender before now. */
  | { readonly kind: "sender"; readonly sender: Sender }
  /** A run: its tokens, and it gets no new ones. */
  | { readonly kind: "run"; readonly run: string }
  /** Everything that a caller had issued before now. */
  | { readonly kind: "caller"; readonly caller: CallerId }
  /** Everything that a key signed. */
  | { readonly kind: "kid"; readonly kid: Kid }
  /** The whole tree that a token belongs to. */
  | { readonly kind: "root"; readonly jti: Jti };

export const SELECTOR_KINDS = [
  "jti",
  "sender",
  "run",
  "caller",
  "kid",
  "root",
] as const satisfies readonly Selector["kind"][];
export type SelectorKind = Selector["kind"];

/** The text that a selector names its tokens by. */
export function subjectOf(selector: Selector): string {
  switch (selector.kind) {
    case "jti":
    case "root":
      return selector.jti;
    case "sender":
      return selector.sender;
    case "run":
      return selector.run;
    case "caller":
      return selector.caller;
    case "kid":
      return selector.kid;
  }
}

/**
 * The members of an entry that name what was revoked, so that it is found with the entries of that token, agent, run or key. A caller has
 * none: that member says who revoked.
 */
export function namesOf(kind: SelectorKind, subject: string): Readonly<Record<string, string>> {
  switch (kind) {
    case "jti":
    case "root":
      return { jti: subject };
    case "sender":
    case "run":
    case "kid":
      return { [kind]: subject };
    case "caller":
      return {};
  }
}

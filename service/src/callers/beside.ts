import type { Caller } from "./caller.ts";
import { type Rejected, rejected } from "./rejection.ts";

/** What a body may name beside the credential in the header (RFC 6749 section 2.3.1, RFC 7521 section 4.2). */
export interface NamedBeside {
  readonly clientId: unknown;
  readonly hasClientSecret: boolean;
  readonly hasClientAssertion: boolean;
}

/**
 * Why a body contradicts the proof of its caller: it brings a second credential, or names somebody else. Of a service
 * that asks for no proof, nothing does: it ignores members that it does not know.
 */
export function contradictionBeside(caller: Caller, named: NamedBeside): Rejected | undefined {
  if (caller.kind === "anyone") return undefined;
  if (named.hasClientSecret || named.hasClientAssertion)
    return rejected("credentials_several", { callerId: caller.id });
  const isOther = named.clientId !== undefined && named.clientId !== caller.id;
  return isOther ? rejected("other_client_named", { callerId: caller.id }) : undefined;
}

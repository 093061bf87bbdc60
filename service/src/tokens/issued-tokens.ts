import type { RevokeDeps } from "../ledger/revocation/revoke.ts";
import type { VerifyDeps } from "./verify.ts";

/** What tokens that exist are asked about and stopped with; only where tokens are recorded. */
export interface IssuedTokens {
  readonly verify: VerifyDeps;
  readonly revocation: RevokeDeps;
}

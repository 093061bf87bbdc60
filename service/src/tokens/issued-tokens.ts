import type { RevokeDeps } from "../ledger/revocation/revoke.ts";
import type { Verified, VerifyDeps } from "./verify.ts";

/** What tokens that exist are asked about and stopped with; only where tokens are recorded. */
export interface IssuedTokens {
  readonly verify: VerifyDeps;
  /** `verify`, with the signature of each token verified once (`rememberedVerify`). */
  readonly verifyAgain: (text: string) => Promise<Verified>;
  readonly revocation: RevokeDeps;
}

import type { Kid } from "../kernel/ids.ts";
import type { Claims } from "../tokens/claims.ts";

// What only its maker makes in the service: tests that need another one get it here.

/** A key id, of any text. */
export function kidOf(text: string): Kid {
  return text as Kid;
}

/** Claims that no code of the service would build. */
export function claimsWith(members: { readonly [Name in keyof Claims]: unknown }): Claims {
  return members as Claims;
}

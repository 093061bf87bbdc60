import { rememberedVerify } from "../../guard/remembered.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { KeyDirectory } from "../../keys/key-directory.ts";
import type { IssuedTokens } from "../../tokens/issued-tokens.ts";
import { ownKeysOf } from "../../tokens/own-keys.ts";

/** What tokens are known by: the served keys, our own `iss`, and the time. */
interface OwnTokens {
  readonly keys: KeyDirectory;
  readonly issuer: string;
  readonly clock: Clock;
}

/** What recorded tokens are asked about and stopped with; `undefined`: none is recorded. */
export function issuedTokens(
  { keys, issuer, clock }: OwnTokens,
  revocation: IssuedTokens["revocation"] | undefined,
): IssuedTokens | undefined {
  if (revocation === undefined) return undefined;
  const { revocations } = revocation;
  const verify = { clock, issuer, revocations, ownKeys: ownKeysOf(keys) };
  return { revocation, verify, verifyAgain: rememberedVerify(verify) };
}

import { rememberedVerify } from "../../guard/remembered.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { KeyDirectory } from "../../keys/key-directory.ts";
import type { IssuedTokens } from "../../tokens/issued-tokens.ts";
import { ownKeysOf } from "../../tokens/own-keys.ts";
import type { VerifyDeps } from "../../tokens/verify.ts";

/** What tokens are known by: the served keys, our own `iss`, and the time. */
interface OwnTokens {
  readonly keys: Pick<KeyDirectory, "view">;
  readonly issuer: string;
  readonly clock: Pick<Clock, "now">;
}

/** What recorded tokens are asked about and stopped with; `undefined`: none is recorded. */
export function issuedTokens(
  { keys, issuer, clock }: OwnTokens,
  revocation: IssuedTokens["revocation"] | undefined,
): IssuedTokens | undefined {
  if (revocation === undefined) return undefined;
  return { revocation, ...knownTokens({ keys, issuer, clock }, revocation.revocations) };
}

/** How tokens are verified by these keys, and by what is revoked as this process knows it. */
export function knownTokens(
  { keys, issuer, clock }: OwnTokens,
  revocations: VerifyDeps["revocations"],
): Pick<IssuedTokens, "verify" | "verifyAgain"> {
  const verify = { clock, issuer, revocations, ownKeys: ownKeysOf(keys) };
  return { verify, verifyAgain: rememberedVerify(verify) };
}

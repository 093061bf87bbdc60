import type { Clock } from "../kernel/clock.ts";
import { newJti } from "../kernel/ids.ts";
import type { Random } from "../kernel/random.ts";
import type { KeyDirectory, SigningKey } from "../keys/key-directory.ts";
import { type Claims, checkClaims, claimsOf, grantedTtlSeconds, type TokenPolicy } from "./claims.ts";
import type { MintRequest } from "./mint-request.ts";
import { warningsAbout } from "./scopes.ts";
import { TOKEN_BYTES_MAX } from "./token-size.ts";

export interface MintDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: KeyDirectory;
  readonly policy: TokenPolicy;
}

/** A signed token and what the caller should know of it, or why there is none. */
export type MintOutcome =
  | {
      readonly kind: "minted";
      readonly token: string;
      readonly claims: Claims;
      readonly kid: SigningKey["kid"];
      readonly warnings: readonly string[];
    }
  | { readonly kind: "refused"; readonly refusal: MintRefusal };

/** Why a well-formed request gets no token. */
export type MintRefusal =
  | { readonly reason: "token_too_large"; readonly bytes: number; readonly bytesMax: number }
  | { readonly reason: "no_signing_key" };

/** Mints one token (RFC 7519, RFC 7515 compact form): number it, write its claims, check them, sign. */
export async function mint(deps: MintDeps, request: MintRequest): Promise<MintOutcome> {
  const now = deps.clock.now();
  const { signing } = deps.keys.viewAt(now);
  if (signing === undefined) return { kind: "refused", refusal: { reason: "no_signing_key" } };

  // A token never outlives its key.
  const left = (signing.notAfter ?? Number.POSITIVE_INFINITY) - now;
  if (left < 1) return { kind: "refused", refusal: { reason: "no_signing_key" } };
  const ttlSeconds = Math.min(grantedTtlSeconds(request.ttlSeconds, deps.policy), left);
  const claims = claimsOf(deps.policy, {
    sender: request.sender,
    scopes: request.scopes,
    jti: newJti(deps.random),
    iat: now,
    ttlSeconds,
  });
  checkClaims(claims, deps.policy);

  const input = `${signing.headerSegment}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
  const bytes = input.length + 1 + signing.signer.signatureChars;
  if (bytes > TOKEN_BYTES_MAX)
    return { kind: "refused", refusal: { reason: "token_too_large", bytes, bytesMax: TOKEN_BYTES_MAX } };

  deps.keys.noteSigned(signing.kid, claims.exp);
  const signature = await signing.signer.sign(Buffer.from(input, "latin1"));
  const token = `${input}.${signature.toString("base64url")}`;
  return { kind: "minted", token, claims, kid: signing.kid, warnings: warningsAbout(request.scopes) };
}

import { Impossible } from "../kernel/assert.ts";
import { after, type EpochSeconds } from "../kernel/clock.ts";
import type { Jti, Sender } from "../kernel/ids.ts";
import type { Scopes } from "./scopes.ts";

/** The payload of an access token (RFC 7519 section 4.1), as the runtime reads it. */
export interface Claims {
  readonly macp_scopes: Scopes;
  readonly sub: Sender;
  readonly iss: string;
  /** A plain string: one audience. */
  readonly aud: string;
  readonly iat: EpochSeconds;
  readonly exp: EpochSeconds;
  readonly jti: Jti;
}

/** What every token of this service has in common. */
export interface TokenPolicy {
  readonly issuer: string;
  readonly audience: string;
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

/** The life that a token gets: as asked for, whole seconds, at least 1, never above the ceiling. */
export function grantedTtlSeconds(askedSeconds: number | undefined, policy: TokenPolicy): number {
  const asked = askedSeconds ?? policy.defaultTtlSeconds;
  return Math.max(1, Math.floor(Math.min(asked, policy.maxTtlSeconds)));
}

/** The claims of a token that is issued at `iat` and lives `ttlSeconds`. */
export function claimsOf(
  policy: TokenPolicy,
  token: { sender: Sender; scopes: Scopes; jti: Jti; iat: EpochSeconds; ttlSeconds: number },
): Claims {
  const { sender, scopes, jti, iat, ttlSeconds } = token;
  return {
    macp_scopes: scopes,
    sub: sender,
    iss: policy.issuer,
    aud: policy.audience,
    iat,
    exp: after(iat, ttlSeconds),
    jti,
  };
}

/**
 * The last look before a signature: throws `Impossible` when the claims break a promise that this service makes of every
 * token, whatever code built them. The signer does not trust its own template.
 */
export function checkClaims(claims: Claims, policy: TokenPolicy): void {
  const life = claims.exp - claims.iat;
  const whole = Number.isSafeInteger(claims.iat) && Number.isSafeInteger(claims.exp);
  if (!whole || life < 1 || life > policy.maxTtlSeconds)
    throw new Impossible(`a token would live ${String(life)} seconds`);
  if (claims.sub.trim() === "") throw new Impossible("a token would have no subject");
  if (claims.iss !== policy.issuer || claims.aud !== policy.audience)
    throw new Impossible("a token would name another issuer or audience");
  if (claims.jti.length !== 22) throw new Impossible("a token would have no proper id");
}

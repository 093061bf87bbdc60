import { Impossible } from "../kernel/assert.ts";
import type { Branded } from "../kernel/branded.ts";
import { after, type EpochSeconds } from "../kernel/clock.ts";
import type { Jti, Sender } from "../kernel/ids.ts";
import type { TtlRules } from "../policy/ttl.ts";
import type { Scopes } from "../scopes/scopes.ts";
import { parseStatusClaim, type StatusClaim } from "../status-lists/status-place.ts";

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
  /** Where a verifier finds whether it is stopped (draft-ietf-oauth-status-list section 6.2); only where there are status lists. */
  readonly status?: StatusClaim;
}

/** Claims that may be signed: `checkClaims` found no broken promise in them. */
export type CheckedClaims = Branded<Claims, "CheckedClaims">;

/** What every token of this service has in common. */
export interface TokenRules extends TtlRules {
  readonly issuer: string;
  readonly audience: string;
}

/** The claims of a token that is issued at `iat` and lives `ttlSeconds`. */
export function claimsOf(
  rules: TokenRules,
  token: {
    sender: Sender;
    scopes: Scopes;
    jti: Jti;
    iat: EpochSeconds;
    ttlSeconds: number;
    status?: StatusClaim | undefined;
  },
): Claims {
  const { sender, scopes, jti, iat, ttlSeconds, status } = token;
  return {
    macp_scopes: scopes,
    sub: sender,
    iss: rules.issuer,
    aud: rules.audience,
    iat,
    exp: after(iat, ttlSeconds),
    jti,
    ...(status && { status }),
  };
}

/**
 * The last check before a signature: throws `Impossible` when the claims break a promise that this service makes of every
 * token, whatever code built them. The signer does not trust its own template.
 */
export function checkClaims(claims: Claims, rules: TokenRules): CheckedClaims {
  const life = claims.exp - claims.iat;
  const whole = Number.isSafeInteger(claims.iat) && Number.isSafeInteger(claims.exp);
  if (!whole || life < 1 || life > rules.maxTtlSeconds)
    throw new Impossible(`a token would live ${String(life)} seconds`);
  checkNames(claims, rules);
  return claims as CheckedClaims;
}

function checkNames(claims: Claims, rules: TokenRules): void {
  if (claims.sub.trim() === "") throw new Impossible("a token would have no subject");
  if (claims.iss !== rules.issuer || claims.aud !== rules.audience)
    throw new Impossible("a token would name another issuer or audience");
  if (claims.jti.length !== 22) throw new Impossible("a token would have no proper id");
  if (claims.status !== undefined && parseStatusClaim(claims.status) === undefined)
    throw new Impossible("a token would have no proper status");
}

/**
 * A week's rotation in five seconds. The letters are those of docs/keys.md; with the bounds that `MACP_AUTH_UNSAFE_FAST_ROTATION`
 * sets (F = L = ε = 1 s, λ = δ = 0) and no HTTP cache, B1 = F + H + L + T + ε is 5 s.
 */
export const FAST = {
  /** T */
  jwksTtlSeconds: 2,
  /** B1, and no second more. */
  leadSeconds: 5,
  /** The lead again, so that each key signs at the first moment that its lead allows. */
  periodSeconds: 5,
  /**
   * S: longer than a period, so that such a token lives through a rotation. B3 = F + S + ε is then 9 s, which must be less than two
   * periods: a JWKS of four keys has room for a signing key, a standby key and two retiring keys.
   */
  maxTtlSeconds: 7,
  /** B4 = F + H + L + T: after this no verifier accepts a key that left the JWKS. */
  revocationSeconds: 4,
} as const;

/** The variables of a service that rotates so. */
export const FAST_ENVIRONMENT = {
  MACP_AUTH_UNSAFE_FAST_ROTATION: "1",
  MACP_AUTH_KEY_ROTATION_SECONDS: String(FAST.periodSeconds),
  MACP_AUTH_KEY_LEAD_SECONDS: String(FAST.leadSeconds),
  MACP_AUTH_MAX_TTL_SECONDS: String(FAST.maxTtlSeconds),
  MACP_AUTH_JWKS_MAX_AGE_SECONDS: "0",
  MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: String(FAST.jwksTtlSeconds),
  MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS: "0",
  MACP_AUTH_ADMIN_PORT: "0",
} as const;

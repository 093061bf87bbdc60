/**
 * What rotation must know about this issuer and its verifiers. All in seconds; the letters are those of docs/keys.md.
 */
export interface RotationTiming {
  /** S: the longest life of a token. */
  readonly maxTtlSeconds: number;
  /** H: how long a shared HTTP cache may repeat a JWKS answer. */
  readonly jwksMaxAgeSeconds: number;
  /** T: how long a verifier keeps a JWKS before it fetches again. */
  readonly verifierTtlSeconds: number;
  /** G: how long a verifier that cannot fetch goes on with its old JWKS. */
  readonly verifierGraceSeconds: number;
}

/** F: how long another replica may lag behind this one. */
export const REPLICA_LAG_SECONDS = 60;
/** L: how long a verifier's JWKS fetch may take (3 s to connect, 5 s in all). */
export const FETCH_SECONDS = 5;
/** ε: how far two replicas' clocks may lie apart. */
export const CLOCK_SKEW_SECONDS = 5;
/** λ: how long after `exp` a verifier still accepts a token. */
export const EXP_LEEWAY_SECONDS = 60;
/** δ: how far a verifier's clock may be off. */
export const VERIFIER_CLOCK_SECONDS = 30;

/** B1: served for less than this before its first signature, a key is unknown to verifiers that refresh on time. */
export function leadFloorSeconds(timing: RotationTiming): number {
  return REPLICA_LAG_SECONDS + timing.jwksMaxAgeSeconds + FETCH_SECONDS + timing.verifierTtlSeconds + CLOCK_SKEW_SECONDS;
}

/** B2: from this lead on, even a verifier that could not refresh for its whole grace knows the key. */
export function leadThroughGraceSeconds(timing: RotationTiming): number {
  return leadFloorSeconds(timing) + timing.verifierGraceSeconds;
}

/** B3: how long a key is served after its last signature, so that its last token dies of age and not of rotation. */
export function overlapSeconds(timing: RotationTiming): number {
  return REPLICA_LAG_SECONDS + timing.maxTtlSeconds + EXP_LEEWAY_SECONDS + VERIFIER_CLOCK_SECONDS + CLOCK_SKEW_SECONDS;
}

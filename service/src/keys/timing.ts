/** The properties of this issuer and its verifiers that rotation depends on. All in seconds; the letters are those of docs/keys.md. */
export interface RotationTiming {
  /** S: the longest life of a token. */
  readonly maxTtlSeconds: number;
  /** H: how long a shared HTTP cache may repeat a JWKS answer. */
  readonly jwksMaxAgeSeconds: number;
  /** T: how long a verifier keeps a JWKS before it fetches again. */
  readonly verifierTtlSeconds: number;
  /** G: how long a verifier that cannot fetch continues with its old JWKS. */
  readonly verifierGraceSeconds: number;
  /** F: how long a replica may use what it last read of the key set. */
  readonly replicaLagSeconds: number;
  /** L: how long a verifier's JWKS fetch may take. */
  readonly fetchSeconds: number;
  /** ε: how far a replica's clock may be off the store's. */
  readonly clockSkewSeconds: number;
  /** λ: how long after `exp` a verifier still accepts a token. */
  readonly expLeewaySeconds: number;
  /** δ: how far a verifier's clock may be off. */
  readonly verifierClockSeconds: number;
}

/** No setting is longer than ten years, so that a sum of a few is still a moment. */
export const SECONDS_MAX = 10 * 365 * 86_400;

/** What this service and the MACP runtime do: F, L (3 s to connect, 5 s in all), ε, λ, δ. */
export const FIXED_TIMING = {
  replicaLagSeconds: 60,
  fetchSeconds: 5,
  clockSkewSeconds: 5,
  expLeewaySeconds: 60,
  verifierClockSeconds: 30,
} as const;

/** Small bounds for tests that rotate every few seconds. Never for production. */
export const FAST_TIMING = {
  replicaLagSeconds: 1,
  fetchSeconds: 1,
  clockSkewSeconds: 1,
  expLeewaySeconds: 0,
  verifierClockSeconds: 0,
} as const;

/** B1: served for less than this before its first signature, a key is unknown to verifiers that refresh on time. */
export function leadFloorSeconds(timing: RotationTiming): number {
  return (
    timing.replicaLagSeconds +
    timing.jwksMaxAgeSeconds +
    timing.fetchSeconds +
    timing.verifierTtlSeconds +
    timing.clockSkewSeconds
  );
}

/** B2: from this lead on, even a verifier that could not refresh for its whole grace knows the key. */
export function leadThroughGraceSeconds(timing: RotationTiming): number {
  return leadFloorSeconds(timing) + timing.verifierGraceSeconds;
}

/** B3: how long a key is served after its last signature, where tokens lived at most `maxTtlSeconds`. */
export function overlapSeconds(timing: RotationTiming, maxTtlSeconds: number = timing.maxTtlSeconds): number {
  return timing.replicaLagSeconds + maxTtlSeconds + toleranceSeconds(timing) + timing.clockSkewSeconds;
}

/** λ + δ: how long after its `exp` some verifier may still accept a token. */
export function toleranceSeconds(timing: RotationTiming): number {
  return timing.expLeewaySeconds + timing.verifierClockSeconds;
}

/** B4: until when verifiers may accept tokens of a key after it was revoked, counted from the revocation. */
export function revocationSeconds(timing: RotationTiming): {
  readonly refreshing: number;
  readonly inGrace: number;
} {
  const refreshing =
    timing.replicaLagSeconds + timing.jwksMaxAgeSeconds + timing.fetchSeconds + timing.verifierTtlSeconds;
  return { refreshing, inGrace: refreshing + timing.verifierGraceSeconds };
}

/** How often a replica renews its lease: six times in each F. */
export function leaseRoundSeconds({ replicaLagSeconds }: Pick<RotationTiming, "replicaLagSeconds">): number {
  return replicaLagSeconds / 6;
}

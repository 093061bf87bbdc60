import { after, type EpochSeconds, epochSeconds } from "../kernel/clock.ts";
import type { Kid } from "../kernel/ids.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import type { KeySet, Replica, UntrackedFetches, VerifierSighting } from "../keys/managed/key-store.ts";
import type { ManagedKey } from "../keys/managed/managed-key.ts";
import type { RotationRules, RotationSettings } from "../keys/managed/plan/rotation-rules.ts";
import type { PublicJwk } from "../keys/public-jwk.ts";
import { FIXED_TIMING } from "../keys/timing.ts";

/** The store's clock in sets that do not say otherwise. */
export const NOW = epochSeconds(1_800_000_000);
/** So long ago that every bound is over. */
export const LONG_AGO = after(NOW, -10_000_000);

/** The service's defaults: B1 is 430 s, B2 4,030 s, B3 3,755 s. */
export const RULES: RotationRules = {
  alg: "ES256",
  periodSeconds: 604_800,
  leadSeconds: 7_200,
  timing: {
    ...FIXED_TIMING,
    maxTtlSeconds: 3_600,
    jwksMaxAgeSeconds: 60,
    verifierTtlSeconds: 300,
    verifierGraceSeconds: 3_600,
  },
  gate: "off",
};

type Moments = Partial<Omit<ManagedKey, "kid" | "alg" | "publicJwk">>;

/** A key that has long been a standby key; `moments` override its own. */
export function standbyKey(kid: string, moments: Moments = {}, alg: Algorithm = "ES256"): ManagedKey {
  return {
    kid: kid as Kid,
    alg,
    publicJwk: fakeJwk(kid as Kid, alg),
    publishedFrom: LONG_AGO,
    publishedVersion: 1,
    pausedSeconds: 0,
    signingFrom: undefined,
    retiringFrom: undefined,
    taintedFrom: undefined,
    revokedFrom: undefined,
    retiredFrom: undefined,
    reason: undefined,
    notAfter: undefined,
    maxTtlSeconds: 0,
    maxExp: 0 as EpochSeconds,
    sealed: `sealed ${kid}`,
    ...moments,
  };
}

/** A key that has signed for an hour. */
export function signingKey(kid: string, moments: Moments = {}, alg: Algorithm = "ES256"): ManagedKey {
  const signingFrom = moments.signingFrom ?? after(NOW, -3_600);
  return standbyKey(
    kid,
    { signingFrom, notAfter: after(signingFrom, 10_000_000), maxTtlSeconds: 3_600, ...moments },
    alg,
  );
}

/** A key that stopped signing `secondsAgo`. */
export function retiringKey(
  kid: string,
  secondsAgo: number,
  moments: Moments = {},
  alg: Algorithm = "ES256",
): ManagedKey {
  return signingKey(kid, { signingFrom: LONG_AGO, retiringFrom: after(NOW, -secondsAgo), ...moments }, alg);
}

/** A set that is served by one live replica. */
export function keySet(keys: readonly ManagedKey[], override: Partial<KeySet> = {}): KeySet {
  return {
    version: keys.length,
    keys,
    now: NOW,
    servedAt: NOW,
    replicas: [],
    verifiers: [],
    untracked: [],
    ...override,
  };
}

/** A replica that runs with `RULES`, but for `other`. */
export function replica(
  id: string,
  alg: Algorithm,
  secondsAgo = 0,
  other: Partial<RotationSettings> = {},
): Replica {
  const { periodSeconds, leadSeconds, timing, gate } = RULES;
  const settings = { periodSeconds, leadSeconds, timing, gate, ...other };
  return { id, alg, version: 1, settings, seenAt: after(NOW, -secondsAgo) };
}

export function sighting(address: string, version: number, secondsAgo = 0): VerifierSighting {
  return {
    address,
    userAgent: "runtime",
    version,
    seenAt: after(NOW, -secondsAgo),
    minIntervalSeconds: undefined,
    fetches: 1,
  };
}

/** Fetches by untracked verifiers. */
export function untrackedFetches(address: string, version: number, secondsAgo = 0): UntrackedFetches {
  return { address, version, seenAt: after(NOW, -secondsAgo), fetches: 3 };
}

/** Shaped like a key, without valid numbers. For code that only passes keys on. */
function fakeJwk(kid: Kid, alg: Algorithm): PublicJwk {
  return alg === "ES256"
    ? { kty: "EC", crv: "P-256", x: `x-${kid}`, y: `y-${kid}`, kid, alg, use: "sig" }
    : { kty: "RSA", n: `n-${kid}`, e: "AQAB", kid, alg, use: "sig" };
}

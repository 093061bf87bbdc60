import type { IssuerEntry } from "../../callers/declared/registry.ts";

/** An issuer whose keys are at a JWKS URL; a test changes what it is about. */
export function issuerEntry(changes: Partial<IssuerEntry> = {}): IssuerEntry {
  return {
    name: "cluster",
    preset: "oidc",
    issuer: "https://issuer.example",
    audience: "https://auth.example",
    allowsOtherAudiences: false,
    algorithms: ["RS256", "ES256"],
    maxLifeSeconds: 3600,
    keys: { kind: "jwks_url", url: "https://issuer.example/keys", reach: "public", caPem: undefined },
    isDisabled: false,
    tokenReview: undefined,
    ...changes,
  };
}

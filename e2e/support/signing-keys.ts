import { generateKeyPairSync, type JsonWebKey } from "node:crypto";

export type SigningAlg = "RS256" | "ES256";

/** A fresh private JWK of the kind that the algorithm signs with, without `kid`, `alg` or `use`. */
export function privateJwk(alg: SigningAlg): JsonWebKey {
  return alg === "RS256" ? rsaJwk(2048) : ecJwk("P-256");
}

export function rsaJwk(bits: number): JsonWebKey {
  return generateKeyPairSync("rsa", { modulusLength: bits }).privateKey.export({ format: "jwk" });
}

export function ecJwk(namedCurve: "P-256" | "P-384" | "P-521" | "secp256k1"): JsonWebKey {
  return generateKeyPairSync("ec", { namedCurve }).privateKey.export({ format: "jwk" });
}

export function ed25519Jwk(): JsonWebKey {
  return generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
}

const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "k"] as const;

/** The key without its private members. */
export function publicHalf(jwk: JsonWebKey): JsonWebKey {
  return Object.fromEntries(
    Object.entries(jwk).filter(([name]) => !(PRIVATE_MEMBERS as readonly string[]).includes(name)),
  );
}

/** The values of `d`, `p`, `q`, `dp`, `dq`, `qi` and `k` that this key has. */
export function privateValues(jwk: JsonWebKey): string[] {
  return PRIVATE_MEMBERS.flatMap((name) => {
    const value: unknown = jwk[name];
    return typeof value === "string" ? [value] : [];
  });
}

/** The variables that make a service sign with this key. */
export function signingWith(alg: SigningAlg, jwk: JsonWebKey): Record<string, string> {
  return { MACP_AUTH_SIGNING_ALG: alg, MACP_AUTH_SIGNING_KEY_JSON: JSON.stringify(jwk) };
}

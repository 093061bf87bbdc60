import type { Algorithm } from "../../keys/algorithm.ts";

/** A public key of a JWK Set that the runtime would use, with its public members alone. */
export interface TrustedKey {
  readonly kid: string | undefined;
  readonly alg: Algorithm;
  readonly jwk:
    | { readonly kty: "RSA"; readonly n: string; readonly e: string }
    | { readonly kty: "EC"; readonly crv: "P-256"; readonly x: string; readonly y: string };
}

/** The keys in the order of the set. `symmetric`: the set shows a secret to the world, and the runtime would load it. */
export type TrustedKeys =
  | { readonly kind: "keys"; readonly keys: readonly TrustedKey[]; readonly symmetric: number }
  | { readonly kind: "rejected"; readonly why: string };

/**
 * Reads a JWK Set, or a single JWK, as the runtime does: `alg`, `use` and `key_ops` are not looked at, and a key that cannot
 * be read is passed over. Private members are left behind, so a key file serves as well.
 */
export function readTrustedKeys(text: string): TrustedKeys {
  const document = parse(text);
  if (typeof document !== "object" || document === null || Array.isArray(document))
    return { kind: "rejected", why: "is no JWK Set" };
  const members: unknown = "keys" in document ? document.keys : [document];
  if (!Array.isArray(members)) return { kind: "rejected", why: "is no JWK Set" };
  const jwks = members.filter(
    (member): member is Record<string, unknown> => typeof member === "object" && member !== null,
  );
  const keys = jwks.flatMap((jwk) => trustedKey(jwk) ?? []);
  if (keys.length === 0) return { kind: "rejected", why: "holds no RSA or P-256 key" };
  return { kind: "keys", keys, symmetric: jwks.filter((jwk) => jwk["kty"] === "oct").length };
}

function trustedKey({ kty, kid, n, e, crv, x, y }: Record<string, unknown>): TrustedKey | undefined {
  const name = typeof kid === "string" ? kid : undefined;
  if (kty === "RSA" && typeof n === "string" && typeof e === "string")
    return { kid: name, alg: "RS256", jwk: { kty, n, e } };
  if (kty === "EC" && crv === "P-256" && typeof x === "string" && typeof y === "string")
    return { kid: name, alg: "ES256", jwk: { kty, crv, x, y } };
  return undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
}

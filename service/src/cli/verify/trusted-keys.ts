import { type Algorithm, algorithmOfKty } from "../../keys/algorithm.ts";
import { PublicNumbers } from "../../keys/public-jwk.ts";
import { type ForeignKey, readForeignJwks } from "../client/foreign-jwks.ts";

/** A public key of a JWK Set that the runtime would use, without its private members. */
export interface TrustedKey {
  readonly kid: string | undefined;
  readonly alg: Algorithm;
  readonly jwk: PublicNumbers;
}

/** The keys in the order of the set. `symmetric`: how many secrets the set shows, which the runtime would load. */
export type TrustedKeys =
  | { readonly kind: "keys"; readonly keys: readonly TrustedKey[]; readonly symmetric: number }
  | { readonly kind: "rejected"; readonly why: string };

/**
 * Reads a JWK Set, or a single JWK, as the runtime does: `alg`, `use` and `key_ops` do not matter, and a key that cannot
 * be read is skipped. A private key file works too.
 */
export function readTrustedKeys(text: string): TrustedKeys {
  const read = readForeignJwks(text);
  if (read.kind === "neither") return { kind: "rejected", why: "is not a JWK Set" };
  const keys = read.keys.flatMap((key) => trustedKey(key) ?? []);
  if (keys.length === 0) return { kind: "rejected", why: "holds no RSA or P-256 key" };
  return { kind: "keys", keys, symmetric: read.keys.filter(({ kty }) => kty === "oct").length };
}

function trustedKey(foreign: ForeignKey): TrustedKey | undefined {
  const jwk = PublicNumbers.safeParse(foreign).data;
  return jwk && { kid: foreign.kid, alg: algorithmOfKty(jwk.kty), jwk };
}

import type { KeyObject } from "node:crypto";

/** Algorithms of tokens that others sign (RFC 7518 section 3.1, RFC 8037), compared case-sensitively. Never `none`, never HS*. */
export const FOREIGN_ALGORITHMS = ["RS256", "ES256", "PS256", "RS384", "RS512", "ES384", "EdDSA"] as const;
export type ForeignAlgorithm = (typeof FOREIGN_ALGORITHMS)[number];

/** What an issuer may sign with unless its entry lists others. */
export const DEFAULT_FOREIGN_ALGORITHMS: readonly ForeignAlgorithm[] = ["RS256", "ES256"];

/** Reads an algorithm name; `undefined` when tokens of it are never accepted. */
export function parseForeignAlgorithm(text: string): ForeignAlgorithm | undefined {
  return FOREIGN_ALGORITHMS.find((name) => name === text);
}

/** A public key that verifies tokens of others: `readKeySet` makes it of a JWK. */
export interface ForeignKey {
  readonly kid: string | undefined;
  /** The algorithms that it verifies: the one of the JWK's `alg`, or each that its type allows. */
  readonly algorithms: readonly ForeignAlgorithm[];
  readonly publicKey: KeyObject;
}

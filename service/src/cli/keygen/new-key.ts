import type { JsonWebKey, KeyObject } from "node:crypto";
import { Impossible } from "../../kernel/assert.ts";
import type { Kid } from "../../kernel/ids.ts";
import { type Algorithm, DEFAULT_ALGORITHM } from "../../keys/algorithm.ts";
import { makeKey, privateJwkOf } from "../../keys/custody/make-key.ts";

/** How a private key is written down: a JWK or a JWK Set (RFC 7517), or PKCS#8 in PEM (RFC 7468). */
export type KeyFormat = "jwk" | "jwks" | "pem";

/** The requested key; `undefined` means the default. */
export interface KeyRequest {
  readonly alg: Algorithm | undefined;
  readonly rsaBits: number | undefined;
  readonly kid: Kid | undefined;
}

/** A key that was just made. */
export interface NewKey {
  readonly kid: Kid;
  readonly alg: Algorithm;
  readonly privateKey: KeyObject;
}

/** Makes the requested key; without a request RS256 with 2048 bits, named by its thumbprint. */
export async function newKey({ alg = DEFAULT_ALGORITHM, rsaBits, kid }: KeyRequest): Promise<NewKey> {
  const { privateKey, ...made } = await makeKey(alg, rsaBits);
  if (privateKey === undefined) throw new Impossible("a key made here has no private half");
  return { kid: kid ?? made.kid, alg, privateKey };
}

/** The private JWK. Secret. */
export function privateJwk({ privateKey, kid, alg }: NewKey): JsonWebKey {
  return privateJwkOf(privateKey, kid, alg);
}

/** The text of a key file. Secret. A JWK is one line, so that it fits into an environment variable. */
export function formatted(key: NewKey, format: KeyFormat): string {
  switch (format) {
    case "jwk":
      return `${JSON.stringify(privateJwk(key))}\n`;
    case "jwks":
      return setText([privateJwk(key)]);
    case "pem":
      return key.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  }
}

/** The text of a JWK Set file, with the other members that the set had. Secret. */
export function setText(keys: readonly object[], otherMembers: object = {}): string {
  return `${JSON.stringify({ ...otherMembers, keys }, undefined, 2)}\n`;
}

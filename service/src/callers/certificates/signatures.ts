import { type KeyObject, verify } from "node:crypto";

/** The hash of each signature algorithm that is accepted in certificates and revocation lists (RFC 8017, RFC 5758, RFC 8410). */
const HASHES: ReadonlyMap<string, string | null> = new Map([
  ["1.2.840.113549.1.1.11", "sha256"],
  ["1.2.840.113549.1.1.12", "sha384"],
  ["1.2.840.113549.1.1.13", "sha512"],
  ["1.2.840.10045.4.3.2", "sha256"],
  ["1.2.840.10045.4.3.3", "sha384"],
  ["1.2.840.10045.4.3.4", "sha512"],
  // Ed25519 has its own.
  ["1.3.101.112", null],
]);

/** Whether signatures of this algorithm, an object identifier, are accepted. */
export function isStrongSignature(algorithm: string): boolean {
  return HASHES.has(algorithm);
}

/** Whether a key made a signature over bytes. */
export function isSignatureOf(key: KeyObject, { algorithm, signed, signature }: SignedBytes): boolean {
  const hash = HASHES.get(algorithm);
  return hash !== undefined && isTypeOf(key, algorithm) && verify(hash, signed, key, signature);
}

/** Bytes with their signature. `algorithm`: an object identifier. */
export interface SignedBytes {
  readonly algorithm: string;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

function isTypeOf({ asymmetricKeyType }: KeyObject, algorithm: string): boolean {
  if (algorithm.startsWith("1.2.840.113549.")) return asymmetricKeyType === "rsa";
  return asymmetricKeyType === (algorithm.startsWith("1.2.840.10045.") ? "ec" : "ed25519");
}

const RSA_BITS = [2_048, 8_192] as const;
const CURVES = ["prime256v1", "secp384r1", "secp521r1"];

/** Whether a key is of a kind and a size that is accepted in a certificate. */
export function isStrongKey({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): boolean {
  const { modulusLength = 0, namedCurve = "" } = asymmetricKeyDetails;
  switch (asymmetricKeyType) {
    case "rsa":
      return modulusLength >= RSA_BITS[0] && modulusLength <= RSA_BITS[1];
    case "ec":
      return CURVES.includes(namedCurve);
    default:
      return asymmetricKeyType === "ed25519";
  }
}

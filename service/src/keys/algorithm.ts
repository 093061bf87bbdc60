import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

/** The algorithms this service signs with (RFC 7518 section 3.1), compared case-sensitively. Never `none`, never HS*. */
export const ALGORITHMS = ["RS256", "ES256"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** What a service signs with unless it is configured otherwise. */
export const DEFAULT_ALGORITHM: Algorithm = "RS256";

/** All in which one algorithm differs from another. */
export interface AlgorithmFacts {
  readonly kty: "RSA" | "EC";
  readonly hash: "sha256";
  /** How an ECDSA signature is written: r‖s as JWS has it, not DER (RFC 7518 section 3.4). RSA has one form. */
  readonly dsaEncoding: "ieee-p1363" | "der";
  /** Sizes of a key in bits: what is accepted, and what is made unless asked otherwise; `undefined` for one size only. */
  readonly bits: { readonly min: number; readonly max: number; readonly made: number } | undefined;
  /** Length of a signature as base64url. */
  readonly signatureChars: (publicKey: KeyObject) => number;
  /** NIST SP 800-57 part 1 table 2. */
  readonly strengthBits: (publicKey: KeyObject) => number;
  /** The kind and size of a key, for a person. */
  readonly sizeOf: (publicKey: KeyObject) => string;
  /** A fresh private key; made in the thread pool. */
  readonly makePrivateKey: (bits?: number) => Promise<KeyObject>;
}

const generate = promisify(generateKeyPair);
const RSA_BITS = { min: 2048, max: 8192, made: 2048 } as const;

/** The facts of each algorithm, in one place. */
export const ALGORITHM_FACTS: Readonly<Record<Algorithm, AlgorithmFacts>> = {
  RS256: {
    kty: "RSA",
    hash: "sha256",
    dsaEncoding: "der",
    bits: RSA_BITS,
    signatureChars: (publicKey) => Math.ceil((Math.ceil(modulusBitsOf(publicKey) / 8) * 4) / 3),
    strengthBits: (publicKey) => (modulusBitsOf(publicKey) < 3072 ? 112 : 128),
    sizeOf: (publicKey) => `RSA-${String(modulusBitsOf(publicKey))}`,
    makePrivateKey: async (bits = RSA_BITS.made) =>
      (await generate("rsa", { modulusLength: bits, publicExponent: 0x10001 })).privateKey,
  },
  ES256: {
    kty: "EC",
    hash: "sha256",
    dsaEncoding: "ieee-p1363",
    bits: undefined,
    signatureChars: () => 86,
    strengthBits: () => 128,
    sizeOf: () => "P-256",
    makePrivateKey: async () => (await generate("ec", { namedCurve: "P-256" })).privateKey,
  },
};

/** Reads an algorithm name; `undefined` when it is not one of ours. */
export function parseAlgorithm(text: string): Algorithm | undefined {
  return ALGORITHMS.find((name) => name === text);
}

/** The one algorithm that a key of this type signs with here; `undefined` for any other type. */
export function algorithmOfKty(kty: AlgorithmFacts["kty"]): Algorithm;
export function algorithmOfKty(kty: unknown): Algorithm | undefined;
export function algorithmOfKty(kty: unknown): Algorithm | undefined {
  return ALGORITHMS.find((name) => ALGORITHM_FACTS[name].kty === kty);
}

function modulusBitsOf(publicKey: KeyObject): number {
  return publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
}

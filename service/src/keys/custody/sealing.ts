import type { JsonWebKey, KeyObject } from "node:crypto";
import type { KeyEncryptionKey, KeyEncryptionKeys } from "./key-encryption-keys.ts";

/**
 * Encrypts keys for a store. What is stored is an encrypted JWK (RFC 7517 section 7): a JWE with `dir` and `A256GCM` (RFC 7516),
 * written as its compact form. Its `aad` (RFC 7516 section 5.1 step 14) is the place of the key. It is not stored, so that a sealed
 * key opens only where it belongs (ADR 19).
 */
export interface Sealing {
  /** A JWK, sealed with the first key-encryption key. Never the same twice. */
  seal(jwk: JsonWebKey, place: Buffer): Promise<string>;
  /** `undefined`: it was altered, belongs to another place, or is sealed with a key-encryption key that is not here. */
  unseal(sealed: string, place: Buffer): Promise<JsonWebKey | undefined>;
  /** Whether it is sealed with the first key-encryption key. */
  isNewest(sealed: string): boolean;
}

/** One key-encryption key, with the only JWE header that is written and accepted with it. */
interface Seal {
  readonly header: {
    readonly alg: "dir";
    readonly enc: "A256GCM";
    readonly kid: string;
    readonly cty: string;
  };
  readonly encodedHeader: string;
  readonly key: KeyObject;
}

/** Seals with the first of these keys, and opens with all. */
export function sealingWith([first, ...others]: KeyEncryptionKeys): Sealing {
  const newest = sealOf(first);
  const seals = [newest, ...others.map(sealOf)];
  return {
    seal: (jwk, place) => seal(newest, jwk, place),
    unseal: (sealed, place) => unseal(seals, sealed, place),
    isNewest: (sealed) => sealed.startsWith(`${newest.encodedHeader}.`),
  };
}

function sealOf(kek: KeyEncryptionKey): Seal {
  const header = { alg: "dir", enc: "A256GCM", kid: kek.id, cty: "jwk+json" } as const;
  return { header, encodedHeader: base64url(JSON.stringify(header)), key: kek.derive("sealing") };
}

async function seal({ header, encodedHeader, key }: Seal, jwk: JsonWebKey, place: Buffer): Promise<string> {
  // Loaded here: the service with given keys does not need it.
  const { FlattenedEncrypt } = await import("jose/jwe/flattened/encrypt");
  const jwe = await new FlattenedEncrypt(Buffer.from(JSON.stringify(jwk)))
    .setProtectedHeader(header)
    .setAdditionalAuthenticatedData(place)
    .encrypt(key);
  return [encodedHeader, "", jwe.iv, jwe.ciphertext, jwe.tag].join(".");
}

async function unseal(
  seals: readonly Seal[],
  sealed: string,
  place: Buffer,
): Promise<JsonWebKey | undefined> {
  const [header, encryptedKey, iv = "", ciphertext = "", tag = "", ...others] = sealed.split(".");
  const found = seals.find((one) => one.encodedHeader === header);
  // A text that decodes to the same bytes in two ways would be an altered row that nobody notices.
  const isCanonical = [iv, ciphertext, tag].every(
    (part) => base64url(Buffer.from(part, "base64url")) === part,
  );
  if (found === undefined || encryptedKey !== "" || others.length > 0 || !isCanonical) return undefined;
  const [{ flattenedDecrypt }, { JOSEError }] = await Promise.all([
    import("jose/jwe/flattened/decrypt"),
    import("jose/errors"),
  ]);
  try {
    const jwe = { protected: found.encodedHeader, iv, ciphertext, tag, aad: base64url(place) };
    const { plaintext } = await flattenedDecrypt(jwe, found.key);
    return JSON.parse(Buffer.from(plaintext).toString()) as JsonWebKey;
  } catch (thrown) {
    if (thrown instanceof JOSEError) return undefined;
    throw thrown;
  }
}

function base64url(bytes: string | Buffer): string {
  return Buffer.from(bytes).toString("base64url");
}

import { createPrivateKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { Impossible } from "../../kernel/assert.ts";
import type { KeySetName } from "../../kernel/ids.ts";
import type { Algorithm } from "../algorithm.ts";
import type { ImportedKey } from "../import/import-key.ts";
import { localSigner } from "../signer.ts";
import type { HeldKey, KeyCustody } from "./custody.ts";
import type { KeyEncryptionKey, KeyEncryptionKeys } from "./key-encryption-keys.ts";
import { makeKey } from "./make-key.ts";

export interface LocalCustodyDeps {
  readonly keks: KeyEncryptionKeys;
  /** The set that the keys belong to: a private part of another set does not open. */
  readonly keySet: KeySetName;
  /** Where new keys come from; `makeKey` when left out. */
  readonly makeKey?: (alg: Algorithm) => Promise<ImportedKey>;
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

/**
 * Private keys that are made, sealed and opened in this process. What is stored is an encrypted JWK (RFC 7517 section 7): a JWE
 * with `dir` and `A256GCM` (RFC 7516), written as its compact form. Its `aad` (RFC 7516 section 5.1 step 14) is the place of the
 * key. It is not stored, so that a sealed key opens only where it belongs (ADR 19).
 */
export function localCustody({ keks, keySet, makeKey: make = makeKey }: LocalCustodyDeps): KeyCustody {
  const seals = keks.map(sealOf) as [Seal, ...Seal[]];
  const adopt = async ({ kid, alg, publicJwk, privateKey }: ImportedKey): Promise<HeldKey> => {
    if (privateKey === undefined) throw new Impossible("a key without a private part cannot be held");
    return { kid, alg, publicJwk, sealed: await seal(seals[0], privateKey, placeOf(keySet, kid, alg)) };
  };
  const unsealed = ({ kid, alg, sealed }: HeldKey) => unseal(seals, sealed, placeOf(keySet, kid, alg));
  return {
    adopt,
    make: async (alg) => adopt(await make(alg)),
    async open(key) {
      const privateKey = await unsealed(key);
      return privateKey && localSigner(key.alg, privateKey);
    },
    async reseal(key) {
      const privateKey = await unsealed(key);
      return privateKey && seal(seals[0], privateKey, placeOf(keySet, key.kid, key.alg));
    },
    // The sealed key is the private part: the store has dropped it, and nothing else is left.
    destroy: () => Promise.resolve(),
  };
}

function sealOf(kek: KeyEncryptionKey): Seal {
  const header = { alg: "dir", enc: "A256GCM", kid: kek.id, cty: "jwk+json" } as const;
  return { header, encodedHeader: base64url(JSON.stringify(header)), key: kek.derive("sealing") };
}

/** Where a private key belongs. Sealing and opening encode it in the same way: it is compared byte for byte. */
function placeOf(keySet: KeySetName, kid: string, alg: Algorithm): Buffer {
  return Buffer.from(JSON.stringify(["macp-auth private key", 1, keySet, kid, alg]));
}

async function seal(
  { header, encodedHeader, key }: Seal,
  privateKey: KeyObject,
  place: Buffer,
): Promise<string> {
  // Loaded here: the service with given keys does not need it.
  const { FlattenedEncrypt } = await import("jose/jwe/flattened/encrypt");
  const jwe = await new FlattenedEncrypt(Buffer.from(JSON.stringify(privateKey.export({ format: "jwk" }))))
    .setProtectedHeader(header)
    .setAdditionalAuthenticatedData(place)
    .encrypt(key);
  return [encodedHeader, "", jwe.iv, jwe.ciphertext, jwe.tag].join(".");
}

async function unseal(seals: readonly Seal[], sealed: string, place: Buffer): Promise<KeyObject | undefined> {
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
    return createPrivateKey({
      key: JSON.parse(Buffer.from(plaintext).toString()) as JsonWebKey,
      format: "jwk",
    });
  } catch (thrown) {
    if (thrown instanceof JOSEError) return undefined;
    throw thrown;
  }
}

function base64url(bytes: string | Buffer): string {
  return Buffer.from(bytes).toString("base64url");
}

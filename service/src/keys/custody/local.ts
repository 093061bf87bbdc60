import { createPrivateKey, type KeyObject } from "node:crypto";
import { Impossible } from "../../kernel/assert.ts";
import type { KeySetName } from "../../kernel/ids.ts";
import type { Algorithm } from "../algorithm.ts";
import type { ImportedKey } from "../import/import-key.ts";
import { localSigner } from "../signer.ts";
import type { HeldKey, KeyCustody } from "./custody.ts";
import type { KeyEncryptionKeys } from "./key-encryption-keys.ts";
import { makeKey } from "./make-key.ts";
import { sealingWith } from "./sealing.ts";

export interface LocalCustodyDeps {
  readonly keks: KeyEncryptionKeys;
  /** The set that the keys belong to: a private part of another set does not open. */
  readonly keySet: KeySetName;
  /** Where new keys come from; `makeKey` when left out. */
  readonly makeKey?: (alg: Algorithm) => Promise<ImportedKey>;
}

/**
 * Private keys that are made, sealed and opened in this process. What is stored is an encrypted JWK (`sealing.ts`), bound
 * to its key set, kid and algorithm.
 */
export function localCustody({ keks, keySet, makeKey: make = makeKey }: LocalCustodyDeps): KeyCustody {
  const sealing = sealingWith(keks);
  const seal = (privateKey: KeyObject, place: Buffer) =>
    sealing.seal(privateKey.export({ format: "jwk" }), place);
  const adopt = async ({ kid, alg, publicJwk, privateKey }: ImportedKey): Promise<HeldKey> => {
    if (privateKey === undefined) throw new Impossible("a key without a private part cannot be held");
    return { kid, alg, publicJwk, sealed: await seal(privateKey, placeOf(keySet, kid, alg)) };
  };
  const unsealed = async ({ kid, alg, sealed }: HeldKey) => {
    const key = await sealing.unseal(sealed, placeOf(keySet, kid, alg));
    return key && createPrivateKey({ key, format: "jwk" });
  };
  return {
    adopt,
    make: async (alg) => adopt(await make(alg)),
    async open(key) {
      const privateKey = await unsealed(key);
      return privateKey && localSigner(key.alg, privateKey);
    },
    async reseal(key) {
      const privateKey = await unsealed(key);
      return privateKey && seal(privateKey, placeOf(keySet, key.kid, key.alg));
    },
    // The sealed key is the private part: the store has dropped it, and nothing else is left.
    destroy: () => Promise.resolve(),
  };
}

/** Where a private key belongs. Sealing and opening encode it in the same way: it is compared byte for byte. */
function placeOf(keySet: KeySetName, kid: string, alg: Algorithm): Buffer {
  return Buffer.from(JSON.stringify(["macp-auth private key", 1, keySet, kid, alg]));
}

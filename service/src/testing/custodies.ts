import { DEFAULT_KEY_SET, type KeySetName, type Kid } from "../kernel/ids.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import type { HeldKey, KeyCustody } from "../keys/custody/custody.ts";
import { type KeyEncryptionKeys, keksOf } from "../keys/custody/key-encryption-keys.ts";
import { localCustody } from "../keys/custody/local.ts";
import { makeKey } from "../keys/custody/make-key.ts";
import type { ImportedKey } from "../keys/import/import-key.ts";
import type { ManagedKey } from "../keys/managed/managed-key.ts";
import { localSigner } from "../keys/signer.ts";

/** Key-encryption keys of 32 times this byte and, for opening only, of the others. */
export function keksUnder(first: number, ...others: readonly number[]): KeyEncryptionKeys {
  return keksOf([Buffer.alloc(32, first), ...others.map((byte) => Buffer.alloc(32, byte))]);
}

/** The custody of a set in this process, under these key-encryption keys. */
export function custodyOf(keks: KeyEncryptionKeys, keySet: KeySetName = DEFAULT_KEY_SET): KeyCustody {
  return localCustody({ keks, keySet });
}

/** Whether a key of a set can be opened for signing. */
export async function opens(custody: KeyCustody, { sealed, ...key }: ManagedKey): Promise<boolean> {
  return sealed !== undefined && (await custody.open({ ...key, sealed })) !== undefined;
}

/** A custody that holds the private parts apart from the store, as a key management service does. */
export interface ApartCustody extends KeyCustody {
  /** The keys that it holds now. */
  readonly held: ReadonlyMap<string, Kid>;
}

/** The store gets only a name from it. Answers immediately. */
export function apartCustody(make: (alg: Algorithm) => Promise<ImportedKey> = makeKey): ApartCustody {
  const keys = new Map<string, ImportedKey>();
  const held = new Map<string, Kid>();
  let made = 0;
  const find = ({ kid, alg, sealed }: HeldKey): ImportedKey | undefined => {
    const key = keys.get(sealed);
    return key?.kid === kid && key.alg === alg ? key : undefined;
  };
  const adopt = (key: ImportedKey): HeldKey => {
    made += 1;
    const sealed = `apart:${String(made)}`;
    keys.set(sealed, key);
    held.set(sealed, key.kid);
    return { kid: key.kid, alg: key.alg, publicJwk: key.publicJwk, sealed };
  };
  return {
    held,
    adopt: (key) => Promise.resolve(adopt(key)),
    make: async (alg) => adopt(await make(alg)),
    open(key) {
      const privateKey = find(key)?.privateKey;
      return Promise.resolve(privateKey && localSigner(key.alg, privateKey));
    },
    reseal: (key) => Promise.resolve(find(key) && key.sealed),
    destroy({ sealed }) {
      keys.delete(sealed);
      held.delete(sealed);
      return Promise.resolve();
    },
  };
}

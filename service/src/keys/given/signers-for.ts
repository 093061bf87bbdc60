import type { Kid } from "../../kernel/ids.ts";
import type { ImportedKey } from "../import/import-key.ts";
import { checkedSigner, localSigner, type Signer } from "../signer.ts";

/** A signer for each key that can sign. */
export function signersFor(keys: readonly ImportedKey[]): ReadonlyMap<Kid, Signer> {
  return new Map(
    keys.flatMap((key) =>
      key.privateKey === undefined
        ? []
        : [[key.kid, checkedSigner(localSigner(key.alg, key.privateKey), key.publicKey)] as const],
    ),
  );
}

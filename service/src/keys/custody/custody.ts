import type { Kid } from "../../kernel/ids.ts";
import type { Algorithm } from "../algorithm.ts";
import type { ImportedKey } from "../import/import-key.ts";
import type { PublicJwk } from "../public-jwk.ts";
import type { Signer } from "../signer.ts";

/** A key whose private part is in custody. */
export interface HeldKey {
  readonly kid: Kid;
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
  /** What the store holds of the private part, for its custody only: a sealed key, or the name of a key elsewhere. Printable ASCII. */
  readonly sealed: string;
}

/**
 * Port. Makes, opens and destroys the private parts of one key set. Every adapter passes `testing/contracts/custody-contract.ts`. All methods
 * reject when the custody cannot be reached.
 */
export interface KeyCustody {
  /** Makes a key that passes the import rules. Nothing has stored or published it yet. */
  make(alg: Algorithm): Promise<HeldKey>;
  /** Takes over a key that was made elsewhere, under its own kid. It must have a private part. */
  adopt(key: ImportedKey): Promise<HeldKey>;
  /**
   * Opens a key for signing. Resolves to `undefined` when its private part was altered, belongs to another key or key set, is
   * sealed with a key-encryption key that is not here, or is destroyed. The user of the signer checks its first signature.
   */
  open(key: HeldKey): Promise<Signer | undefined>;
  /** The new form to store, sealed like a key that is made now. Resolves to `undefined` as `open` does. */
  reseal(key: HeldKey): Promise<string | undefined>;
  /**
   * Destroys what is left of a private part that the store no longer holds, or never held. May be called again for the same key;
   * when it rejects, the private part may still exist.
   */
  destroy(key: HeldKey): Promise<void>;
}

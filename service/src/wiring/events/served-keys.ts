import type { Stopwatch } from "../../kernel/clock.ts";
import type { PurposeKeys, PurposeSigner } from "../../keys/purposes/purpose-keys.ts";

/** The keys of one purpose as a replica serves and uses them: from memory, as old as the last refresh. */
export interface ServedKeys {
  /** The set as JSON; `undefined`: it was not read yet. */
  jwks(): string | undefined;
  /** The key that signs. Rejects as the store does. */
  signer(): Promise<PurposeSigner>;
  /** Reads the set anew, and makes the first key; the first time it seals anew what another key-encryption key sealed. Rejects as the store does. */
  refresh(): Promise<void>;
}

/** A key that was just made is served by every replica before one of them signs with it, save the first one. */
const SIGNER_SECONDS = 60;

/** Serves these keys. */
export function servedKeys(keys: PurposeKeys, stopwatch: Stopwatch): ServedKeys {
  let jwks: string | undefined;
  let signer: PurposeSigner | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let isResealed = false;
  return {
    jwks: () => jwks,
    async signer() {
      const now = stopwatch.elapsed();
      if (signer === undefined || now - readAt > SIGNER_SECONDS) {
        signer = await keys.signer();
        readAt = now;
      }
      return signer;
    },
    async refresh() {
      if (!isResealed) {
        await keys.reseal();
        await keys.signer();
      }
      isResealed = true;
      jwks = JSON.stringify({ keys: await keys.publicKeys() });
    },
  };
}

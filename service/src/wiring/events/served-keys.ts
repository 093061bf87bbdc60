import type { EpochMs, Stopwatch } from "../../kernel/clock.ts";
import type { PurposeKeys, PurposeSigner } from "../../keys/purposes/purpose-keys.ts";

/** The keys of one purpose as a replica serves and uses them: from memory, as old as the last refresh. */
export interface ServedKeys {
  /** The set as JSON; `undefined`: it was not read yet. */
  jwks(): string | undefined;
  /** The key that signs; `undefined`: none was read yet, or the only one that is known here may not be known to receivers yet. */
  signer(): PurposeSigner | undefined;
  /** Reads the set anew, and makes the first key; the first time it seals anew what another key-encryption key sealed. Rejects as the store does. */
  refresh(): Promise<void>;
}

/** How often the set is read anew. */
export const REFRESH_SECONDS = 10;
/** How long a receiver may keep a set: the `max-age` of the answer. */
const KEPT_SECONDS = 60;
const MARGIN_SECONDS = 20;
/** So long a key is served before it signs: until each replica serves it, and no receiver has a set without it. */
export const LEAD_SECONDS = REFRESH_SECONDS + KEPT_SECONDS + MARGIN_SECONDS;

/** Serves these keys. The private part of a key that was replaced is gone from the store: it stays in memory until the next one signs. */
export function servedKeys(
  keys: PurposeKeys,
  { stopwatch, nowMs }: { readonly stopwatch: Stopwatch; readonly nowMs: () => EpochMs },
): ServedKeys {
  let jwks: string | undefined;
  let signing: PurposeSigner | undefined;
  let next: { readonly key: PurposeSigner; readonly from: number } | undefined;
  let isResealed = false;
  /** Receivers have no set of a key that was never replaced. A process that starts knows only when the key was made. */
  const waitSeconds = ({ madeAt }: PurposeSigner, isFirst: boolean): number => {
    if (isFirst) return 0;
    const age = signing === undefined && next === undefined ? (nowMs() - madeAt) / 1_000 : 0;
    return LEAD_SECONDS - Math.min(Math.max(age, 0), LEAD_SECONDS);
  };
  return {
    jwks: () => jwks,
    signer() {
      if (next !== undefined && stopwatch.elapsed() >= next.from) {
        signing = next.key;
        next = undefined;
      }
      return signing;
    },
    async refresh() {
      if (!isResealed) await keys.reseal();
      isResealed = true;
      const key = await keys.signer();
      const served = await keys.publicKeys();
      jwks = JSON.stringify({ keys: served });
      if (key.kid !== (next?.key ?? signing)?.kid)
        next = { key, from: stopwatch.elapsed() + waitSeconds(key, served.length === 1) };
    },
  };
}

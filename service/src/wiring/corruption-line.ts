import type { StoreCorrupt } from "../keys/managed/key-store.ts";

/** The line for a store that is not as it was written; `kekSetting` is the one that holds the key-encryption keys. A wrong key-encryption key is much likelier than an altered store, and looks the same. */
export function corruptionLine(
  { message, mayBeKek }: Pick<StoreCorrupt, "message" | "mayBeKek">,
  kekSetting: string,
): string {
  return mayBeKek
    ? `${kekSetting} lacks the key that wrote the store, or the store was altered (${message}); check ${kekSetting} first: it must hold the key that the store was made with`
    : `the key store was altered (${message}); restore it from a backup`;
}

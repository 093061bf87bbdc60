import type { ManagedSource } from "../config/settings.ts";
import type { StoreCorrupt } from "../keys/managed/key-store.ts";

/** The setting that holds the key-encryption keys. */
function kekVariable(kek: ManagedSource["kek"]): "MACP_AUTH_KEK" | "MACP_AUTH_KEK_FILE" {
  return kek?.kind === "text" ? "MACP_AUTH_KEK" : "MACP_AUTH_KEK_FILE";
}

/** The line for a store that is not as it was written. A wrong key-encryption key is much likelier than an altered store, and looks the same. */
export function corruptionLine(
  { message, mayBeKek }: Pick<StoreCorrupt, "message" | "mayBeKek">,
  kek: ManagedSource["kek"],
): string {
  const variable = kekVariable(kek);
  return mayBeKek
    ? `${variable} lacks the key that wrote the store, or the store was altered (${message}); check ${variable} first: it must hold the key that the store was made with`
    : `the key store was altered (${message}); restore it from a backup`;
}

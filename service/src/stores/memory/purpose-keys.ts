import type { PurposeKeyStore, StoredPurposeKey } from "../../keys/purposes/purpose-key-store.ts";

/** The keys of a purpose in the memory of a process. */
export function memoryPurposeKeys(): PurposeKeyStore {
  let keys: readonly StoredPurposeKey[] = [];
  return {
    keys: async () => keys,
    async replaceKey({ retired, made }) {
      const signing = keys.find(({ isSigning }) => isSigning);
      if (signing?.kid !== retired?.kid) return "taken";
      const others = keys.map((key) =>
        key.kid === retired?.kid ? { ...key, isSigning: false, sealed: retired.sealed } : key,
      );
      keys = [{ ...made, isSigning: true }, ...others];
      return "replaced";
    },
    async reseal(kid, before, sealed) {
      keys = keys.map((key) => (key.kid === kid && key.sealed === before ? { ...key, sealed } : key));
    },
  };
}

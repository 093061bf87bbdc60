import { ConfigError } from "../kernel/faults.ts";
import { type KeyStore, StoreCorrupt, StoreUnavailable } from "../keys/managed/key-store.ts";

/**
 * A store that may be down when it is first wanted: it is opened now, and, when it cannot be reached, again at each use until
 * it can. Rejects with what `open` rejects with, except `StoreUnavailable`, which each use tells then.
 */
export async function patiently(open: () => Promise<KeyStore>): Promise<KeyStore> {
  let opened: Promise<KeyStore> | undefined;
  const store = (): Promise<KeyStore> => {
    opened ??= open().catch((thrown: unknown) => {
      opened = undefined;
      throw thrown;
    });
    return opened;
  };
  await store().catch((thrown: unknown) => {
    if (thrown instanceof StoreCorrupt)
      throw new ConfigError([`MACP_AUTH_STORE_URL: ${thrown.message}; restore the store from a backup`]);
    if (!(thrown instanceof StoreUnavailable)) throw thrown;
  });
  return {
    load: async () => (await store()).load(),
    replace: async (seen, changes) => (await store()).replace(seen, changes),
    beat: async (report) => (await store()).beat(report),
    close: async () => {
      await (await opened)?.close();
    },
  };
}

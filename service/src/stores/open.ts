import type { Clock } from "../kernel/clock.ts";
import { ConfigError } from "../kernel/faults.ts";
import type { KeyStore } from "../keys/key-store.ts";
import type { Sealer } from "../keys/sealer.ts";
import { memoryKeyStore } from "./memory/key-store.ts";

/** Opens the key store that a URL names. Throws `ConfigError` when there is no such kind of store. */
export function openKeyStore(url: string, { clock }: { readonly sealer: Sealer; readonly clock: Clock }): Promise<KeyStore> {
  if (url === "memory:") return Promise.resolve(memoryKeyStore(clock));
  return Promise.reject(new ConfigError(["MACP_AUTH_STORE_URL must be memory:, sqlite:PATH or postgres://…"]));
}

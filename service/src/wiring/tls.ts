import type { LoadedSettings } from "../config/sources.ts";
import type { BundlesNow } from "./access/load-callers.ts";
import type { LoadedTls, TlsMachine } from "./tls/open-tls.ts";
import type { SvidWait } from "./tls/spiffe/svid-source.ts";

/**
 * The TLS of the listeners; `undefined` where the settings name no certificate, and then nothing of it is loaded. `wait`: for a SPIFFE
 * Workload API that does not answer at once. Throws `ConfigError` with every fault at once.
 */
export async function loadTls(
  { settings: { tls }, labels }: Pick<LoadedSettings, "settings" | "labels">,
  machine: TlsMachine,
  wait: SvidWait,
): Promise<LoadedTls | undefined> {
  if (tls === undefined) return undefined;
  const { loadTlsFrom } = await import("./tls/open-tls.ts");
  if (tls.spiffe === undefined) {
    const { fileSource } = await import("./tls/tls-source.ts");
    return loadTlsFrom(fileSource(tls, labels), tls, machine);
  }
  const { loadSvidSource } = await import("./tls/spiffe/svid-source.ts");
  return loadTlsFrom(await loadSvidSource(tls, labels, machine, wait), tls, machine);
}

const NO_BUNDLES = new Map<string, string>();

/**
 * The trust bundles of the SPIFFE agent, as they are now; `undefined`: the settings name no agent. `loaded`: `undefined` where it gave
 * nothing, which is a fault of its own; its trust domains prove nobody then.
 */
export function bundlesOf(
  { settings: { tls } }: Pick<LoadedSettings, "settings">,
  loaded: LoadedTls | undefined,
): BundlesNow | undefined {
  return tls?.spiffe && (loaded?.bundles ?? (() => NO_BUNDLES));
}

import type { LoadedSettings } from "../config/sources.ts";
import type { LoadedTls, TlsMachine } from "./tls/open-tls.ts";

/**
 * The TLS of the listeners; `undefined` where the settings name no certificate, and then nothing of it is loaded. Throws `ConfigError`
 * with every fault at once.
 */
export async function loadTls(
  { settings: { tls }, labels }: Pick<LoadedSettings, "settings" | "labels">,
  machine: TlsMachine,
): Promise<LoadedTls | undefined> {
  if (tls === undefined) return undefined;
  const { loadTlsFiles } = await import("./tls/open-tls.ts");
  return loadTlsFiles(tls, labels, machine);
}

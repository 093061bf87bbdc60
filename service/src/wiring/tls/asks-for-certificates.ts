import type { CallerRegistry } from "../../callers/declared/registry.ts";
import type { Settings } from "../../config/settings.ts";

/** Whether the listeners ask clients for certificates: because of a setting, or of the access document. */
export function asksForCertificates(
  tls: Settings["tls"],
  registry: Pick<CallerRegistry, "clientCas"> | undefined,
): boolean {
  if (tls === undefined) return false;
  return tls.clientCaFile !== undefined || (registry?.clientCas.length ?? 0) > 0;
}

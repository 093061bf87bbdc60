import { ConfigError } from "../config/config-error.ts";
import type { LoadedSettings } from "../config/sources.ts";
import { isCertificate } from "./access/expand/expand-events.ts";
import { readSettingFile } from "./read-secret.ts";

/** The authorities of the receiver of traces, as PEM; `undefined`: those of the machine, or no traces. Throws `ConfigError`. */
export async function loadTracesCa({
  settings,
  labels,
}: Pick<LoadedSettings, "settings" | "labels">): Promise<string | undefined> {
  const ca = settings.traces?.ca;
  if (ca === undefined) return undefined;
  const pem = await readSettingFile(labels.of(ca.setting), ca.path);
  if (isCertificate(pem)) return pem;
  throw new ConfigError([
    `${labels.of(ca.setting)} names a file that is not a certificate in PEM; write the one of the authority there`,
  ]);
}

import { ConfigError } from "../../config/config-error.ts";
import type { LoadedSettings } from "../../config/sources.ts";
import { audienceOf, EVENT_KINDS, type EventReceiver, SETTINGS_RECEIVER } from "../../events/receiver.ts";
import { isCertificate } from "../access/expand/expand-events.ts";
import { readSettingFile } from "../read-secret.ts";

/** The receiver of events that the settings make; `undefined`: none. Throws `ConfigError`. */
export async function loadReceiver({
  settings,
  labels,
}: Pick<LoadedSettings, "settings" | "labels">): Promise<EventReceiver | undefined> {
  const { receiver } = settings.events;
  if (receiver === undefined) return undefined;
  const { caFile, bearerFile } = receiver;
  const url = receiver.url.reveal();
  const caPem = caFile === undefined ? undefined : await readSettingFile(labels.of("events.caFile"), caFile);
  if (caPem !== undefined && !isCertificate(caPem))
    throw new ConfigError([
      `${labels.of("events.caFile")} names a file that is not a certificate in PEM; write the one of the authority there`,
    ]);
  return {
    name: SETTINGS_RECEIVER,
    url,
    audience: audienceOf(url),
    reach: "private",
    caPem,
    bearerFile,
    kinds: EVENT_KINDS,
    hasReasons: false,
  };
}

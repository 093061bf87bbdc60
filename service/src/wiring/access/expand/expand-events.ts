import { X509Certificate } from "node:crypto";
import type { AccessText } from "../../../config/access/access-schema.ts";
import type { AccessFault } from "../../../config/access/read-yaml.ts";
import { audienceOf, type EventReceiver, SETTINGS_RECEIVER } from "../../../events/receiver.ts";
import { type Files, textOf } from "../named-files.ts";

/** The receivers of events of a document. */
export function receiversOf(
  { events }: Pick<AccessText, "events">,
  pathOf: (named: string) => string,
  files: Files,
  faults: AccessFault[],
): readonly EventReceiver[] {
  return Object.entries(events).map(([name, text]) => {
    const place = ["events", name];
    if (name === SETTINGS_RECEIVER)
      faults.push({
        place,
        text: "is the name of the receiver of MACP_AUTH_EVENTS_URL; choose another name",
      });
    const caPem =
      text.ca_file === undefined ? undefined : textOf(files, text.ca_file, [...place, "ca_file"], faults);
    if (caPem !== undefined && caPem !== "" && !isCertificate(caPem))
      faults.push({
        place: [...place, "ca_file"],
        text: "names a file that is not a certificate in PEM; write the one of the authority there",
      });
    return {
      name,
      url: text.url,
      audience: text.audience ?? audienceOf(text.url),
      reach: text.private_network ? "private" : "public",
      caPem,
      bearerFile: text.bearer_file === undefined ? undefined : pathOf(text.bearer_file),
      kinds: text.kinds,
      hasReasons: text.reasons,
    };
  });
}

/** Whether a text begins with a certificate. Node ignores one that does not, and would trust nobody without a word. */
export function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}

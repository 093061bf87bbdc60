import type { ClientCaEntry } from "../../../callers/declared/registry.ts";
import type { AccessText } from "../../../config/access/access-schema.ts";
import type { AccessFault } from "../../../config/access/read-yaml.ts";
import { type Files, textOf } from "../named-files.ts";

/** The client CA that the settings make. */
const DEFAULT_CLIENT_CA = "default";

/** The client CAs of a document, and the one of the settings. */
export function clientCasOf(
  { client_cas: texts }: AccessText,
  ofSettings: Omit<ClientCaEntry, "name"> | undefined,
  files: Files,
  faults: AccessFault[],
): readonly ClientCaEntry[] {
  const declared = Object.entries(texts).map(([name, text]) => {
    const place = ["client_cas", name];
    if (name === DEFAULT_CLIENT_CA && ofSettings !== undefined)
      faults.push({
        place,
        text: "is the name of the client CA that the settings make; choose another name",
      });
    return {
      name,
      caPem: textOf(files, text.ca_file, [...place, "ca_file"], faults),
      crlPem:
        text.crl_file === undefined
          ? undefined
          : textOf(files, text.crl_file, [...place, "crl_file"], faults),
    };
  });
  return ofSettings === undefined ? declared : [...declared, { name: DEFAULT_CLIENT_CA, ...ofSettings }];
}

import type { ClientCaEntry } from "../../../callers/declared/registry.ts";
import type { AccessText } from "../../../config/access/access-schema.ts";
import type { AccessFault, Place } from "../../../config/access/read-yaml.ts";
import { type Files, textOf } from "../named-files.ts";

/** The client CA that the settings make. */
const DEFAULT_CLIENT_CA = "default";

/** The authorities of trust domains that the SPIFFE agent gives: PEM, by trust domain. A change makes a new one. */
export type TrustBundles = ReadonlyMap<string, string>;

/** Client CAs that are not in the document. */
export interface ClientCasBeside {
  /** What the settings make the client CA `default`; `undefined`: nothing. */
  readonly ofSettings: Omit<ClientCaEntry, "name"> | undefined;
  /** `undefined`: no agent is named. */
  readonly bundles: TrustBundles | undefined;
}

/** The client CAs of a document, and the one of the settings. */
export function clientCasOf(
  { client_cas: texts }: AccessText,
  { ofSettings, bundles }: ClientCasBeside,
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
      ...authoritiesOf(text, place, { files, bundles, faults }),
      crlPem:
        text.crl_file === undefined
          ? undefined
          : textOf(files, text.crl_file, [...place, "crl_file"], faults),
    };
  });
  return ofSettings === undefined ? declared : [...declared, { name: DEFAULT_CLIENT_CA, ...ofSettings }];
}

interface Sources {
  readonly files: Files;
  readonly bundles: TrustBundles | undefined;
  readonly faults: AccessFault[];
}

/** A trust domain without a bundle proves nobody: it may come, and go, while the service runs. */
function authoritiesOf(
  { ca_file: file, spiffe_trust_domain: trustDomain }: AccessText["client_cas"][string],
  place: Place,
  { files, bundles, faults }: Sources,
): Pick<ClientCaEntry, "caPem" | "trustDomain"> {
  if ((file === undefined) === (trustDomain === undefined))
    faults.push({ place, text: "needs one of ca_file and spiffe_trust_domain, and not both" });
  if (file !== undefined) return { caPem: textOf(files, file, [...place, "ca_file"], faults) };
  if (trustDomain !== undefined && bundles === undefined)
    faults.push({
      place: [...place, "spiffe_trust_domain"],
      text: "is given by a SPIFFE agent, and none is named; set MACP_AUTH_SPIFFE_SOCKET",
    });
  // Without a name too, so that what is missing is no second fault.
  return { caPem: bundles?.get(trustDomain ?? "") ?? "", trustDomain: trustDomain ?? "" };
}

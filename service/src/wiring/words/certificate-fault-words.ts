import type { CallerId } from "../../callers/caller.ts";
import type { CertificateFault } from "../../callers/certificates/check-certificate-rules.ts";
import type { ClientCaFault } from "../../callers/certificates/client-ca.ts";
import type { AccessFault, Place } from "../../config/access/read-yaml.ts";
import { shownValue } from "../../config/shown-value.ts";
import { patternText } from "./pattern-words.ts";

/** The places of a caller's rules for certificates, by their number. */
type CertificatePlaces = ReadonlyMap<CallerId, { readonly certificates: readonly Place[] }>;

/** A fault of the client CAs and of the rules for certificates, at its place in the document. */
export function certificateFaultOf(fault: CertificateFault, places: CertificatePlaces): AccessFault {
  if (fault.reason === "client_ca_invalid")
    return {
      place: ["client_cas", fault.clientCa, fault.fault.member],
      text: CLIENT_CA_TEXTS[fault.fault.reason],
    };
  const place = places.get(fault.caller)?.certificates[fault.certificate] ?? ["callers", fault.caller];
  switch (fault.reason) {
    case "client_ca_undeclared":
      return {
        place: [...place, "ca"],
        text: "names a client CA that is not declared; add it to client_cas, set MACP_AUTH_TLS_CLIENT_CA_FILE for default, or correct the name",
      };
    case "certificate_name_invalid": {
      const why =
        fault.fault === "subject_malformed"
          ? "write the whole subject, such as CN=planner,O=Example; callers check prints it"
          : patternText(fault.fault);
      return { place, text: `has ${shownValue(fault.source)}, which is not a valid name: ${why}` };
    }
    case "certificate_rules_overlap":
      return {
        place,
        text: `may match a certificate that also proves ${fault.other}; make the names exclude each other`,
      };
  }
}

const CLIENT_CA_TEXTS: Readonly<Record<ClientCaFault["reason"], string>> = {
  not_certificates:
    "names a file that does not contain only PEM certificates; put those of the authorities there",
  not_an_authority:
    "has a certificate that is not of an authority (CA:TRUE); name the one that issues the certificates",
  not_a_list:
    "names a file that does not contain only PEM revocation lists; convert a list with openssl crl -inform DER",
  next_update_missing: "has a list without nextUpdate, which would never end; let the authority set it",
  algorithm_not_allowed:
    "has a list whose signature algorithm is not accepted; sign it with SHA-256 or better",
  extension_not_supported:
    "has a delta list, an indirect list, or a list for some certificates only; use complete lists",
  signature_invalid:
    "has a list that the authority of that name in ca_file did not sign; use the list and the certificate of the same authority",
};

import { printable } from "../../kernel/printable.ts";
import type { StreamFailure } from "../../outbound/workload-api/stream-failure.ts";
import type { TlsFault } from "../tls/judge-tls.ts";
import type { SvidFault } from "../tls/spiffe/svid-texts.ts";
import { momentText } from "./tls-fault-words.ts";

const ID_CHARS_MAX = 256;
const IDS_MAX = 5;

/** Why the Workload API gives nothing, and the fix: the end of a line that begins with its place. */
export function streamFailureWords(failure: StreamFailure): string {
  switch (failure.kind) {
    case "unreachable":
      return `cannot be reached (${failure.details}); start the SPIFFE agent, let this user open its socket, or correct the address`;
    case "no_identity":
      return `has no identity for this process (${failure.details}); register one, for SPIRE with: spire-server entry create`;
    case "not_workload_api":
      return `is no SPIFFE Workload API (${failure.details}); name the socket that the agent serves workloads on`;
    case "too_large":
      return `gave more than this service reads (${failure.details}); issue this workload fewer identities and federated trust domains`;
    case "no_answer":
      return `did not answer within ${String(failure.seconds)} seconds; read the log of the SPIFFE agent`;
    case "ended":
      return "ended the stream without an identity; read the log of the SPIFFE agent";
    case "failed":
      return `failed (${failure.details}); read the log of the SPIFFE agent`;
  }
}

/** Why the identity that it gave cannot be served, in the same form. */
export function svidFaultWords(fault: SvidFault): string {
  switch (fault.kind) {
    case "no_svid":
      return "gave no identity; register one for this process";
    case "id_not_given":
      return `did not give ${shownId(fault.wanted)}, but ${shownIds(fault.given)}; register it for this process, or name one of these`;
    case "not_a_spiffe_id":
      return `gave an identity for ${shownId(fault.id)}, which is no SPIFFE id with a path; correct its registration`;
    default:
      return `gave ${shownId(fault.id)} ${WHAT[fault.kind]}; read the log of the SPIFFE agent`;
  }
}

const WHAT = {
  no_certificate: "without a certificate",
  no_key: "without a private key",
  certificate_damaged: "with a certificate that cannot be read",
  certificate_of_other_id: "with a certificate that does not have this id as its only URI",
  certificate_of_authority: "with the certificate of an authority",
} as const;

/** Why what can be read of it cannot be served, in the same form. `id`: whose certificate it is. */
export function svidMaterialWords({ why }: TlsFault, id: string): string {
  const subject = `gave ${shownId(id)}`;
  switch (why.kind) {
    case "expired":
      return `${subject} with a certificate that expired at ${momentText(why.at)}; read the log of the SPIFFE agent, and check the clock of this machine`;
    case "not_yet_valid":
      return `${subject} with a certificate that is not valid before ${momentText(why.at)}; check the clock of this machine, or wait`;
    case "not_of_certificate":
    case "certificate_not_first":
      return `${subject} with a key that is not of its certificate; read the log of the SPIFFE agent`;
    case "key_damaged":
      return `${subject} with a private key that cannot be read (${why.code}); read the log of the SPIFFE agent`;
    case "rejected":
      return `${subject} with what cannot be served (${why.code}); let it issue an RSA key of 2048 bits or more, or a P-256 key`;
    default:
      return `${subject} with what cannot be read (${why.kind}); read the log of the SPIFFE agent`;
  }
}

function shownId(id: string): string {
  return printable(id.slice(0, ID_CHARS_MAX));
}

function shownIds(ids: readonly string[]): string {
  const more = ids.length > IDS_MAX ? ` and ${String(ids.length - IDS_MAX)} more` : "";
  return `${ids.slice(0, IDS_MAX).map(shownId).join(", ")}${more}`;
}

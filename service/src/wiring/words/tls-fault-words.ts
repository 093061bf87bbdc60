import type { TlsSettings } from "../../config/listeners/tls-settings.ts";
import type { Labels } from "../../config/source.ts";
import { printable } from "../../kernel/printable.ts";
import type { TlsFault } from "../tls/judge-tls.ts";

/** The sentences that are always the same. */
const PLAIN = {
  no_certificate: "holds no certificate; name a PEM file with a CERTIFICATE block",
  no_key: "holds no private key; name a PEM file with a PRIVATE KEY block",
  no_list: "holds no revocation list; name a PEM file with X509 CRL blocks",
  several_keys: "holds more than one private key; keep only that of the certificate",
  encrypted_key:
    "is an encrypted key; decrypt it into a file that only the service can read: openssl pkey -in FILE -out PLAIN",
  not_of_certificate: "is not the key of the certificate; name the two files that were issued together",
} as const;

/** Why a file of the listeners' TLS cannot be served, and the fix: the end of a line that begins with the file's name. */
function tlsFaultWords({ why }: TlsFault): string {
  switch (why.kind) {
    case "certificate_damaged":
      return `has a certificate that cannot be read, number ${String(why.position)}; copy the whole file again`;
    case "certificate_not_first":
      return `does not begin with the certificate of the key, which is number ${String(why.position)}; put it first and its chain after it`;
    case "expired":
      return `has a certificate that expired at ${momentText(why.at)}; renew it`;
    case "not_yet_valid":
      return `has a certificate that is not valid before ${momentText(why.at)}; check the clock of this machine, or wait`;
    case "key_damaged":
      return `has a private key that cannot be read (${why.code}); copy the whole file again`;
    case "list_damaged":
      return `has a revocation list that cannot be read (${why.code}); copy the whole file again`;
    case "rejected":
      return `cannot be served (${why.code}); use an RSA key of 2048 bits or more, or a P-256 key`;
    default:
      return PLAIN[why.kind];
  }
}

/** The whole line. */
export function tlsFaultLine(fault: TlsFault, tls: TlsSettings, labels: Labels): string {
  return `${labels.of(`tls.${fault.file}`)}: ${printable(tls[fault.file] ?? "")} ${tlsFaultWords(fault)}`;
}

/** A moment in UTC, to the second. */
export function momentText(at: number): string {
  return new Date(at * 1_000).toISOString().replace(".000Z", "Z");
}

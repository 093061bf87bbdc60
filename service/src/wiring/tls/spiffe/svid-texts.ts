import { X509Certificate } from "node:crypto";
import { type CertificateFacts, certificateFacts } from "../../../callers/certificates/certificate-facts.ts";
import { elementsIn, NotDer } from "../../../callers/certificates/der.ts";
import { trustDomainOf } from "../../../callers/foreign/spiffe-id.ts";
import { Secret } from "../../../kernel/secret.ts";
import type { X509Svid, X509SvidMessage } from "../../../outbound/workload-api/messages.ts";

/** An identity of the Workload API in the form in which files have it: PEM, not judged yet. */
export interface SvidTexts {
  readonly id: string;
  readonly certificate: string;
  readonly key: Secret;
}

/** Why a message has no identity that can be served. */
export type SvidFault =
  | { readonly kind: "no_svid" }
  /** Another one is wanted than those that were given. */
  | { readonly kind: "id_not_given"; readonly wanted: string; readonly given: readonly string[] }
  | {
      readonly kind:
        | "not_a_spiffe_id"
        | "no_certificate"
        | "no_key"
        | "certificate_damaged"
        | "certificate_of_other_id"
        | "certificate_of_authority";
      readonly id: string;
    };

export type SvidsJudgement =
  | { readonly kind: "usable"; readonly texts: SvidTexts }
  | { readonly kind: "faulty"; readonly fault: SvidFault };

/**
 * The identity to serve: the one that is wanted, or else the first, which is the default one (SPIFFE Workload API section 5.3). Whether
 * its key fits, and its times, are judged with everything else.
 */
export function svidIn({ svids }: X509SvidMessage, wanted: string | undefined): SvidsJudgement {
  const svid = wanted === undefined ? svids[0] : svids.find(({ spiffeId }) => spiffeId === wanted);
  if (svid !== undefined) return judged(svid);
  const given = svids.map(({ spiffeId }) => spiffeId);
  return wanted === undefined || given.length === 0
    ? faulty({ kind: "no_svid" })
    : faulty({ kind: "id_not_given", wanted, given });
}

function judged({ spiffeId: id, certificates, key }: X509Svid): SvidsJudgement {
  if (trustDomainOf(id) === undefined) return faulty({ kind: "not_a_spiffe_id", id });
  if (certificates.length === 0) return faulty({ kind: "no_certificate", id });
  if (key.length === 0) return faulty({ kind: "no_key", id });
  const chain = certificatesIn(certificates);
  const leaf = chain?.[0];
  if (chain === undefined || leaf === undefined) return faulty({ kind: "certificate_damaged", id });
  // X509-SVID sections 2 and 4.1: one URI, and not the certificate of an authority.
  if (leaf.uris.length !== 1 || leaf.uris[0] !== id) return faulty({ kind: "certificate_of_other_id", id });
  if (leaf.isAuthority) return faulty({ kind: "certificate_of_authority", id });
  const certificate = chain.map(({ x509 }) => x509.toString()).join("");
  return { kind: "usable", texts: { id, certificate, key: new Secret(pemOfKey(key)) } };
}

function faulty(fault: SvidFault): SvidsJudgement {
  return { kind: "faulty", fault };
}

/** Certificates in DER that stand one after the other; `undefined` when one of them cannot be read. */
export function certificatesIn(octets: Buffer): readonly CertificateFacts[] | undefined {
  try {
    const found = elementsIn(octets).flatMap(
      ({ whole }) => certificateFacts(new X509Certificate(whole)) ?? [undefined],
    );
    return found.every((one) => one !== undefined) ? found : undefined;
  } catch (thrown) {
    // OpenSSL's errors have a code that says so, and no certificate is a fault of ours.
    if (thrown instanceof NotDer || thrown instanceof Error) return undefined;
    throw thrown;
  }
}

/** What is no key is found when it is read. */
function pemOfKey(der: Buffer): string {
  return `-----BEGIN PRIVATE KEY-----\n${der.toString("base64")}\n-----END PRIVATE KEY-----\n`;
}

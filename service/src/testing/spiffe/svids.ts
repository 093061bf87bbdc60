import { createPrivateKey, X509Certificate } from "node:crypto";
import { type CertificateOrder, type ClientAuthority, FOR_CLIENTS } from "../client-certificates.ts";
import type { GivenSvid } from "./workload-api-double.ts";

/** An identity in PEM, for comparison, and as the Workload API gives it. */
export interface MadeSvid {
  readonly certificate: string;
  readonly key: string;
  /** As Node and the service write it. */
  readonly serial: string;
  readonly given: GivenSvid;
}

/** The form of what SPIRE issues, with names for clients that look for a host. */
export async function makeSvid(
  authority: ClientAuthority,
  name: string,
  order: Omit<CertificateOrder, "names"> & { readonly id?: string; readonly names?: string } = {},
): Promise<MadeSvid> {
  const { id = "spiffe://example.org/macp-auth", names = ",DNS:localhost,IP:127.0.0.1", ...rest } = order;
  const extensions = [...FOR_CLIENTS.slice(0, 2), "extendedKeyUsage=serverAuth,clientAuth"];
  const { certificate, key } = await authority.issue(name, {
    extensions,
    ...rest,
    names: `URI:${id}${names}`,
  });
  return {
    certificate,
    key,
    serial: new X509Certificate(certificate).serialNumber,
    given: {
      spiffe_id: id,
      x509_svid: derOf(certificate),
      x509_svid_key: derOfKey(key),
      bundle: derOf(authority.certificate),
    },
  };
}

/** Each certificate of a text, one after the other. */
export function derOf(pem: string): Buffer {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return Buffer.concat(blocks.map((block) => new X509Certificate(block).raw));
}

/** PKCS #8. */
export function derOfKey(pem: string): Buffer {
  return createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
}

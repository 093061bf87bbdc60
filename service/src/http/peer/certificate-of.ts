import type { X509Certificate } from "node:crypto";
import { TLSSocket } from "node:tls";
import type { PresentedCertificate } from "../../callers/certificates/check-certificate.ts";

/** How many certificates above that of the client are read; a client may send more. */
const ISSUERS_MAX = 10;

/**
 * The client certificate of a connection, read again for each request; `undefined` on plain HTTP, and where the client has none.
 * A TLS 1.3 session that was resumed without a certificate reports that it is authorised, so both are asked.
 */
export function certificateOf(socket: object): PresentedCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return undefined;
  const chain = [leaf];
  let issuer: X509Certificate | undefined = leaf.issuerCertificate;
  while (issuer !== undefined && chain.length <= ISSUERS_MAX) {
    chain.push(issuer);
    issuer = issuer.issuerCertificate;
  }
  return { isVerified: socket.authorized, chain };
}

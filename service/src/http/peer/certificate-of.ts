import type { X509Certificate } from "node:crypto";
import { TLSSocket } from "node:tls";
import type { PresentedCertificate } from "../../callers/certificates/check-certificate.ts";

/** How many certificates above that of the client are read; a client may send more. */
const ISSUERS_MAX = 10;

/**
 * The client certificate of a connection; `undefined` on plain HTTP, and where the client has none. A TLS 1.3 session that was resumed
 * without a certificate reports that it is authorised, so both are asked, for each request.
 */
export function certificateOf(socket: object): PresentedCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const chain = chains.get(socket) ?? readChain(socket);
  return chain && { isVerified: socket.authorized, chain };
}

/**
 * A connection has the certificate of its handshake until it ends: clients are asked only in TLS 1.3, where nothing is negotiated again,
 * and never after the handshake. So it is read once; what it is worth is decided for each request.
 */
const chains = new WeakMap<TLSSocket, readonly X509Certificate[]>();

function readChain(socket: TLSSocket): readonly X509Certificate[] | undefined {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return undefined;
  const chain = [leaf];
  let issuer: X509Certificate | undefined = leaf.issuerCertificate;
  while (issuer !== undefined && chain.length <= ISSUERS_MAX) {
    chain.push(issuer);
    issuer = issuer.issuerCertificate;
  }
  chains.set(socket, chain);
  return chain;
}

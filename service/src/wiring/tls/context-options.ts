import { constants } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Secret } from "../../kernel/secret.ts";

/** A certificate with its chain, and its private key, PEM. */
export interface ServerIdentity {
  readonly certificate: string;
  readonly key: Secret;
}

/**
 * Who may issue the certificates of clients, PEM. None: clients are not asked for one. Revocation is for the proof to look at:
 * OpenSSL would ask for a list of each authority as soon as it has one.
 */
export type Authorities = readonly string[];

/** Forward secrecy and authenticated encryption only. The first that the client has too is used: AES with 128 bits costs least. */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/**
 * The groups of the key exchange, with the one that resists a quantum computer where this OpenSSL has it. By default a client could
 * also choose finite fields and large curves, which cost the service many times as much as the client.
 */
const GROUPS = ["X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"].find((groups) => {
  try {
    return createSecureContext({ ecdhCurve: groups });
  } catch {
    return false;
  }
});

/**
 * What a listener speaks: TLS 1.2 and 1.3, without renegotiation. Where clients are asked for a certificate, TLS 1.3 only, and no
 * session can be resumed: a resumed one has no certificate, or one that was revoked since, and Node calls it authorized.
 */
export function contextOptions(identity: ServerIdentity, authorities: Authorities): SecureContextOptions {
  const common = {
    cert: identity.certificate,
    key: identity.key.reveal(),
    ciphers: CIPHERS,
    ...(GROUPS !== undefined && { ecdhCurve: GROUPS }),
    maxVersion: "TLSv1.3",
  } as const;
  if (authorities.length === 0)
    return { ...common, minVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_RENEGOTIATION };
  return {
    ...common,
    minVersion: "TLSv1.3",
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
    // Without one of its own, Node would accept those of the web.
    ca: [...authorities],
  };
}

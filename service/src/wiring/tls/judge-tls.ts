import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { type EpochSeconds, epochSeconds } from "../../kernel/clock.ts";
import { codeOf, messageOf } from "../../kernel/faults.ts";
import { type Authorities, contextOptions, type ServerIdentity } from "./context-options.ts";
import type { TLS_FILES, TlsTexts } from "./tls-files.ts";

/** What a person recognises a certificate by. */
export interface CertificateFacts {
  /** Hexadecimal, in capitals. */
  readonly serial: string;
  /** SHA-256, as Node writes it. */
  readonly fingerprint: string;
  readonly notBefore: EpochSeconds;
  readonly notAfter: EpochSeconds;
  /** Whether it names a host or an address, which clients look for: but for those that know SPIFFE, they read no other name. */
  readonly hasNames: boolean;
}

/** Files that go together, and can be served now. */
export interface TlsMaterial extends ServerIdentity {
  readonly facts: CertificateFacts;
  /** Of clients, as the settings name them. */
  readonly authorities: Authorities;
  /** When the last of the authorities of clients expires; `undefined`: there are none. */
  readonly authoritiesNotAfter: EpochSeconds | undefined;
}

/** Why the files cannot be served. `file`: the setting that names the one. */
export interface TlsFault {
  readonly file: (typeof TLS_FILES)[number];
  readonly why:
    | {
        readonly kind:
          | "no_certificate"
          | "no_key"
          | "no_list"
          | "several_keys"
          | "encrypted_key"
          | "not_of_certificate";
      }
    /** `position`: from 1, of those in the file. */
    | { readonly kind: "certificate_damaged"; readonly position: number }
    /** The key fits this certificate of the file, and the first one is served. */
    | { readonly kind: "certificate_not_first"; readonly position: number }
    | { readonly kind: "expired" | "not_yet_valid"; readonly at: EpochSeconds }
    /** OpenSSL does not accept it. */
    | { readonly kind: "key_damaged" | "list_damaged" | "rejected"; readonly code: string };
}

export type TlsJudgement =
  | { readonly kind: "usable"; readonly material: TlsMaterial }
  | { readonly kind: "faulty"; readonly faults: readonly TlsFault[] };

/** Whether the files can be served at this moment: each can be read, they go together, and OpenSSL accepts them. */
export function judgeTls(texts: TlsTexts, now: EpochSeconds): TlsJudgement {
  const faults: TlsFault[] = [];
  const chain = certificatesIn("certFile", texts.certificate, faults);
  const key = privateKeyIn(texts.key.reveal(), faults);
  const authorities =
    texts.clientCas === undefined ? [] : certificatesIn("clientCaFile", texts.clientCas, faults);
  if (texts.crls !== undefined) faults.push(...faultsOfLists(texts.crls));
  const [leaf] = chain;
  if (leaf !== undefined) faults.push(...faultsOfDates(leaf, now));
  if (leaf !== undefined && key !== undefined) faults.push(...faultsOfPair(chain, key));
  if (leaf === undefined || faults.length > 0) return { kind: "faulty", faults };
  const material: TlsMaterial = {
    certificate: texts.certificate,
    key: texts.key,
    facts: factsOf(leaf),
    authorities: authorities.map(String),
    authoritiesNotAfter: lastEndOf(authorities),
  };
  const code = whyRejected(() => createSecureContext(contextOptions(material, material.authorities)));
  return code === undefined
    ? { kind: "usable", material }
    : { kind: "faulty", faults: [{ file: "certFile", why: { kind: "rejected", code } }] };
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const LIST = /-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----/g;
const KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/g;
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4,ENCRYPTED/m;

function certificatesIn(
  file: "certFile" | "clientCaFile",
  text: string,
  faults: TlsFault[],
): readonly X509Certificate[] {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) faults.push({ file, why: { kind: "no_certificate" } });
  return blocks.flatMap((block, index) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      faults.push({ file, why: { kind: "certificate_damaged", position: index + 1 } });
      return [];
    }
  });
}

function privateKeyIn(text: string, faults: TlsFault[]): KeyObject | undefined {
  const why = whyNoKey(text);
  if (why === undefined) {
    try {
      return createPrivateKey(text);
    } catch (thrown) {
      const code = codeOf(thrown) ?? "unknown fault";
      faults.push({ file: "keyFile", why: { kind: "key_damaged", code } });
      return undefined;
    }
  }
  faults.push({ file: "keyFile", why });
  return undefined;
}

function whyNoKey(text: string): TlsFault["why"] | undefined {
  const count = text.match(KEY)?.length ?? 0;
  if (count === 0) return { kind: "no_key" };
  if (count > 1) return { kind: "several_keys" };
  return ENCRYPTED.test(text) ? { kind: "encrypted_key" } : undefined;
}

/** Each list by itself: Node reads only the first of a text. */
function faultsOfLists(text: string): readonly TlsFault[] {
  const blocks = text.match(LIST) ?? [];
  if (blocks.length === 0) return [{ file: "crlFile", why: { kind: "no_list" } }];
  const code = whyRejected(() => createSecureContext({ crl: blocks }));
  return code === undefined ? [] : [{ file: "crlFile", why: { kind: "list_damaged", code } }];
}

function faultsOfDates(leaf: X509Certificate, now: EpochSeconds): readonly TlsFault[] {
  const notBefore = momentOf(leaf.validFrom);
  const notAfter = notAfterOf(leaf);
  if (now < notBefore) return [{ file: "certFile", why: { kind: "not_yet_valid", at: notBefore } }];
  if (now > notAfter) return [{ file: "certFile", why: { kind: "expired", at: notAfter } }];
  return [];
}

function faultsOfPair(chain: readonly X509Certificate[], key: KeyObject): readonly TlsFault[] {
  const position = chain.findIndex((certificate) => certificate.checkPrivateKey(key)) + 1;
  if (position === 1) return [];
  return position === 0
    ? [{ file: "keyFile", why: { kind: "not_of_certificate" } }]
    : [{ file: "certFile", why: { kind: "certificate_not_first", position } }];
}

function factsOf(leaf: X509Certificate): CertificateFacts {
  return {
    serial: leaf.serialNumber,
    fingerprint: leaf.fingerprint256,
    notBefore: momentOf(leaf.validFrom),
    notAfter: notAfterOf(leaf),
    hasNames: /(?:^|, )(?:DNS|IP Address):/.test(leaf.subjectAltName ?? ""),
  };
}

function lastEndOf(certificates: readonly X509Certificate[]): EpochSeconds | undefined {
  const ends = certificates.map(notAfterOf);
  return ends.length === 0 ? undefined : epochSeconds(Math.max(...ends));
}

function notAfterOf(certificate: X509Certificate): EpochSeconds {
  return momentOf(certificate.validTo);
}

/** `Nov 28 01:00:00 2026 GMT`, as Node writes it. */
function momentOf(text: string): EpochSeconds {
  return epochSeconds(Date.parse(text) / 1_000);
}

function whyRejected(make: () => unknown): string | undefined {
  try {
    make();
    return undefined;
  } catch (thrown) {
    return codeOf(thrown) ?? messageOf(thrown);
  }
}

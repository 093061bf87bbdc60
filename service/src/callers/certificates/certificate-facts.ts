import { X509Certificate } from "node:crypto";
import {
  booleanOf,
  DER,
  type DerElement,
  type Extensions,
  elementsIn,
  extensionsIn,
  integerTextOf,
  momentOf,
  NotDer,
  objectIdentifierOf,
  onlyElement,
  withTag,
} from "./der.ts";
import { type DistinguishedName, distinguishedNameOf } from "./distinguished-name.ts";

/** What a certificate says (RFC 5280 section 4.1), read but not verified. */
export interface CertificateFacts {
  readonly x509: X509Certificate;
  /** The serial number, as hexadecimal digits of its octets. */
  readonly serial: string;
  /** The names as their octets, in hexadecimal digits: for comparison. */
  readonly issuerName: string;
  readonly subjectName: string;
  readonly subject: DistinguishedName;
  /** Seconds since the epoch; both moments belong to the time of validity. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly signatureAlgorithm: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly isAuthority: boolean;
  /** How many authorities may follow below this one; `undefined`: any number. */
  readonly pathLengthMax: number | undefined;
  /** `undefined`: any use of the key. */
  readonly keyUsage: ReadonlySet<KeyUse> | undefined;
  /** Object identifiers; `undefined`: any purpose. */
  readonly purposes: readonly string[] | undefined;
  readonly hasNameConstraints: boolean;
}

const KEY_USES = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
] as const;
/** RFC 5280 section 4.2.1.3. */
export type KeyUse = (typeof KEY_USES)[number];

const EXTENSION = {
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  extendedKeyUsage: "2.5.29.37",
} as const;

/**
 * Reads a certificate; `undefined` when it is none, or a name in it has a control character. Names are read from the octets: the text
 * that Node makes of a subject alternative name is meant for people, and what is quoted in it differs between its versions.
 */
export function certificateFacts(certificate: X509Certificate): CertificateFacts | undefined {
  try {
    const facts = factsOf(certificate);
    const names = [...facts.uris, ...facts.dnsNames, ...facts.subject.texts];
    return names.every(isPlain) ? facts : undefined;
  } catch (thrown) {
    if (thrown instanceof NotDer) return undefined;
    throw thrown;
  }
}

/** The certificates of a PEM text, in their order; `undefined` when one of them cannot be read, or there is none. */
export function certificatesIn(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const begun = pem.split("-----BEGIN ").length - 1;
  if (blocks.length === 0 || blocks.length !== begun) return undefined;
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return undefined;
  }
}

function factsOf(x509: X509Certificate): CertificateFacts {
  const [signed, algorithm] = elementsIn(onlyElement(x509.raw, DER.sequence).content);
  const fields = elementsIn(withTag(signed, DER.sequence).content);
  const hasVersion = fields[0]?.tag === 0xa0;
  const [serial, , issuer, validity, subject] = hasVersion ? fields.slice(1) : fields;
  const [notBefore, notAfter] = elementsIn(withTag(validity, DER.sequence).content);
  const extensions = extensionsOf(fields);
  const subjectElement = withTag(subject, DER.sequence);
  const constraints = basicConstraintsIn(extensions);
  return {
    x509,
    serial: integerTextOf(serial),
    issuerName: withTag(issuer, DER.sequence).whole.toString("hex"),
    subjectName: subjectElement.whole.toString("hex"),
    subject: distinguishedNameOf(subjectElement),
    notBefore: momentOf(notBefore),
    notAfter: momentOf(notAfter),
    signatureAlgorithm: objectIdentifierOf(elementsIn(withTag(algorithm, DER.sequence).content)[0]),
    ...alternativeNamesIn(extensions),
    ...constraints,
    keyUsage: keyUsageIn(extensions),
    purposes: purposesIn(extensions),
    hasNameConstraints: extensions.has(EXTENSION.nameConstraints),
  };
}

const NO_EXTENSIONS: Extensions = new Map();

function extensionsOf(fields: readonly DerElement[]): Extensions {
  const explicit = fields.find(({ tag }) => tag === 0xa3);
  return explicit === undefined ? NO_EXTENSIONS : extensionsIn(onlyElement(explicit.content, DER.sequence));
}

function alternativeNamesIn(extensions: Extensions): Pick<CertificateFacts, "uris" | "dnsNames"> {
  const value = extensions.get(EXTENSION.subjectAltName)?.value;
  const names = value === undefined ? [] : elementsIn(onlyElement(value, DER.sequence).content);
  const ofTag = (wanted: number): readonly string[] =>
    names.flatMap(({ tag, content }) => (tag === wanted ? [content.toString("latin1")] : []));
  return { uris: ofTag(0x86), dnsNames: ofTag(0x82).map((name) => name.toLowerCase()) };
}

function basicConstraintsIn(extensions: Extensions): Pick<CertificateFacts, "isAuthority" | "pathLengthMax"> {
  const value = extensions.get(EXTENSION.basicConstraints)?.value;
  const parts = value === undefined ? [] : elementsIn(onlyElement(value, DER.sequence).content);
  const isAuthority = parts[0]?.tag === DER.boolean && booleanOf(parts[0]);
  const length = isAuthority ? parts[1] : undefined;
  return {
    isAuthority,
    pathLengthMax: length === undefined ? undefined : Number.parseInt(integerTextOf(length), 16),
  };
}

function keyUsageIn(extensions: Extensions): ReadonlySet<KeyUse> | undefined {
  const value = extensions.get(EXTENSION.keyUsage)?.value;
  if (value === undefined) return undefined;
  const [, bits = 0] = onlyElement(value, DER.bitString).content;
  return new Set(KEY_USES.filter((_, place) => (bits & (0x80 >> place)) !== 0));
}

function purposesIn(extensions: Extensions): readonly string[] | undefined {
  const value = extensions.get(EXTENSION.extendedKeyUsage)?.value;
  return value && elementsIn(onlyElement(value, DER.sequence).content).map(objectIdentifierOf);
}

/** Names go into logs and patterns: no control characters, no half of a surrogate pair. */
function isPlain(text: string): boolean {
  return !/[\p{Cc}\p{Cs}]/u.test(text);
}

import type { KeyObject } from "node:crypto";
import {
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
import { isSignatureOf, isStrongSignature } from "./signatures.ts";

/** A certificate revocation list (RFC 5280 section 5), read but not verified. */
export interface RevocationList {
  /** The name of its issuer, as its octets in hexadecimal digits. */
  readonly issuerName: string;
  /** Seconds since the epoch: from then on another list is in force. */
  readonly nextUpdate: number;
  /** Serial numbers, as hexadecimal digits of their octets. */
  readonly serials: ReadonlySet<string>;
  /** Whether this key signed it; remembered for the key. */
  readonly isSignedBy: (key: KeyObject) => boolean;
}

export type RevocationListFault =
  | "not_a_list"
  /** Without it nobody knows whether the list is still in force. */
  | "next_update_missing"
  | "algorithm_not_allowed"
  /** Of a delta list, an indirect one, or one for some certificates or reasons only. */
  | "extension_not_supported";

/** The revocation lists of a PEM text, or what is wrong with it. */
export function revocationListsIn(pem: string): readonly RevocationList[] | RevocationListFault {
  const blocks = [...pem.matchAll(/-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g)];
  const begun = pem.split("-----BEGIN ").length - 1;
  if (blocks.length === 0 || blocks.length !== begun) return "not_a_list";
  const lists: RevocationList[] = [];
  for (const [, content = ""] of blocks) {
    const read = readOrFault(Buffer.from(content, "base64"));
    if (typeof read === "string") return read;
    lists.push(read);
  }
  return lists;
}

function readOrFault(der: Buffer): RevocationList | RevocationListFault {
  try {
    return readList(der);
  } catch (thrown) {
    if (thrown instanceof NotDer) return "not_a_list";
    throw thrown;
  }
}

function readList(der: Buffer): RevocationList | RevocationListFault {
  const [signed, outer, signature] = elementsIn(onlyElement(der, DER.sequence).content);
  const fields = elementsIn(withTag(signed, DER.sequence).content);
  const [inner, issuer, thisUpdate, nextUpdate, ...rest] =
    fields[0]?.tag === DER.integer ? fields.slice(1) : fields;
  momentOf(thisUpdate);
  if (!isTime(nextUpdate)) return "next_update_missing";
  const algorithm = algorithmOf(inner, outer);
  if (!isStrongSignature(algorithm)) return "algorithm_not_allowed";
  const serials = hasCriticalIn(rest) ? undefined : serialsIn(rest.find(({ tag }) => tag === DER.sequence));
  if (serials === undefined) return "extension_not_supported";
  const text = {
    algorithm,
    signed: withTag(signed, DER.sequence).whole,
    signature: octetsOf(signature),
  };
  return {
    issuerName: withTag(issuer, DER.sequence).whole.toString("hex"),
    nextUpdate: momentOf(nextUpdate),
    serials,
    isSignedBy: remembered((key) => isSignatureOf(key, text)),
  };
}

function isTime(element: DerElement | undefined): boolean {
  return element?.tag === DER.utcTime || element?.tag === DER.generalizedTime;
}

/** Whether the list has an extension that must be understood. */
function hasCriticalIn(fields: readonly DerElement[]): boolean {
  const explicit = fields.find(({ tag }) => tag === 0xa0);
  return explicit !== undefined && hasCritical(extensionsIn(onlyElement(explicit.content, DER.sequence)));
}

/** The algorithm of the signature. It stands in the list twice, the same (RFC 5280 section 5.1.1.2): only the inner one is signed. */
function algorithmOf(inner: DerElement | undefined, outer: DerElement | undefined): string {
  const { content, whole } = withTag(inner, DER.sequence);
  if (!withTag(outer, DER.sequence).whole.equals(whole)) throw new NotDer();
  return objectIdentifierOf(elementsIn(content)[0]);
}

/** The octets of a bit string, all of whose bits are used. */
function octetsOf(element: DerElement | undefined): Buffer {
  const { content } = withTag(element, DER.bitString);
  if (content[0] !== 0) throw new NotDer();
  return content.subarray(1);
}

/** `undefined`: an entry has an extension that must be understood, such as the issuer of another list. */
function serialsIn(entries: DerElement | undefined): ReadonlySet<string> | undefined {
  const serials = new Set<string>();
  for (const { content } of entries === undefined ? [] : elementsIn(entries.content)) {
    const [serial, , extensions] = elementsIn(content);
    if (extensions !== undefined && hasCritical(extensionsIn(extensions))) return undefined;
    serials.add(integerTextOf(serial));
  }
  return serials;
}

function hasCritical(extensions: Extensions): boolean {
  return [...extensions.values()].some(({ isCritical }) => isCritical);
}

/** A signature over a list of a megabyte takes milliseconds to check, so it is checked once for each key. */
function remembered(check: (key: KeyObject) => boolean): (key: KeyObject) => boolean {
  const known = new Map<string, boolean>();
  return (key) => {
    const id = key.export({ type: "spki", format: "der" }).toString("base64");
    const isSigned = known.get(id) ?? check(key);
    known.set(id, isSigned);
    return isSigned;
  };
}

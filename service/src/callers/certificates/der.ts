/** One element of DER (X.690 section 8.1): its identifier octet, its content, and all of it. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  readonly whole: Buffer;
}

/** Thrown inside this folder only: what is read is not DER of the expected form. */
export class NotDer extends Error {}

/** Identifier octets of the types that certificates and revocation lists have. */
export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** The elements that follow each other in a content. Lengths are definite and minimal, as DER has them. */
export function elementsIn(bytes: Buffer): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = elementAt(bytes, at);
    elements.push(element);
    at += element.whole.length;
  }
  return elements;
}

/** The one element that bytes are, of this tag. */
export function onlyElement(bytes: Buffer, tag: number): DerElement {
  const element = elementAt(bytes, 0);
  if (element.whole.length !== bytes.length) throw new NotDer();
  return withTag(element, tag);
}

/** The same element, if it has this tag. */
export function withTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new NotDer();
  return element;
}

function elementAt(bytes: Buffer, at: number): DerElement {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  // Tag numbers from 31 on stand in further octets; nothing that is read here has one.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new NotDer();
  // BER also has an indefinite length, 0x80, and so no octet of it.
  const octets = first < 0x80 ? 0 : first & 0x7f;
  const length = first < 0x80 ? first : longLength(bytes, at + 2, octets);
  const start = at + 2 + octets;
  if (length > bytes.length - start) throw new NotDer();
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
}

/** A length that stands in octets of its own. */
function longLength(bytes: Buffer, at: number, octets: number): number {
  if (octets === 0 || octets > 4 || at + octets > bytes.length) throw new NotDer();
  const length = bytes.readUIntBE(at, octets);
  if (length < 0x80 || bytes[at] === 0) throw new NotDer();
  return length;
}

/** An object identifier in its dotted form. */
export function objectIdentifierOf(element: DerElement | undefined): string {
  const { content } = withTag(element, DER.objectIdentifier);
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const octet of content) {
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    if (octet < 0x80) {
      arcs.push(arc);
      arc = 0n;
    }
  }
  const [joined, ...rest] = arcs;
  if (joined === undefined || (content.at(-1) ?? 0x80) >= 0x80) throw new NotDer();
  const root = joined < 80n ? joined / 40n : 2n;
  return [root, joined - root * 40n, ...rest].join(".");
}

/** An integer as hexadecimal digits of its content: a number of a certificate, which is compared and never calculated with. */
export function integerTextOf(element: DerElement | undefined): string {
  const { content } = withTag(element, DER.integer);
  if (content.length === 0) throw new NotDer();
  return content.toString("hex");
}

const UTC_TIME = /^[0-9]{12}Z$/;
const GENERALIZED_TIME = /^[0-9]{14}Z$/;

/** A moment in the forms of RFC 5280 section 4.1.2.5, in seconds since the epoch. */
export function momentOf(element: DerElement | undefined): number {
  const whole = fourDigitYear(element);
  const seconds = Date.parse(whole.replace(/^(....)(..)(..)(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z")) / 1_000;
  if (Number.isNaN(seconds)) throw new NotDer();
  return seconds;
}

function fourDigitYear(element: DerElement | undefined): string {
  const text = element?.content.toString("latin1") ?? "";
  if (element?.tag === DER.generalizedTime && GENERALIZED_TIME.test(text)) return text;
  if (element?.tag !== DER.utcTime || !UTC_TIME.test(text)) throw new NotDer();
  return `${text < "50" ? "20" : "19"}${text}`;
}

/** Whether a boolean is true. */
export function booleanOf(element: DerElement | undefined): boolean {
  const { content } = withTag(element, DER.boolean);
  if (content.length !== 1) throw new NotDer();
  return content[0] !== 0;
}

/** The extensions of a certificate, a revocation list or one of its entries, by object identifier (RFC 5280 section 4.2). */
export type Extensions = ReadonlyMap<string, { readonly isCritical: boolean; readonly value: Buffer }>;

/** Reads the content of `Extensions`. One that stands there twice is no DER of this form. */
export function extensionsIn(element: DerElement): Extensions {
  const extensions = new Map<string, { readonly isCritical: boolean; readonly value: Buffer }>();
  for (const { content } of elementsIn(withTag(element, DER.sequence).content)) {
    const parts = elementsIn(content);
    const id = objectIdentifierOf(parts[0]);
    const hasCritical = parts.length === 3;
    if (extensions.has(id)) throw new NotDer();
    extensions.set(id, {
      isCritical: hasCritical && booleanOf(parts[1]),
      value: withTag(parts.at(-1), DER.octetString).content,
    });
  }
  return extensions;
}

import { DER, type DerElement, elementsIn, objectIdentifierOf, withTag } from "./der.ts";

/** One attribute of a name: its type as RFC 4514 section 3 writes it, else the object identifier, and its text. */
interface NameAttribute {
  readonly type: string;
  /** `undefined`: of a type whose text is not read. */
  readonly text: string | undefined;
  readonly hex: string;
}

/** A distinguished name as a text (RFC 4514): the last part first, as `openssl x509 -nameopt RFC2253` prints it. */
export interface DistinguishedName {
  readonly text: string;
  /** The values of `CN`. */
  readonly commonNames: readonly string[];
  /** Every text in it. */
  readonly texts: readonly string[];
}

const TYPES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "STREET",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};

/** Reads a name. */
export function distinguishedNameOf(element: DerElement): DistinguishedName {
  const parts = elementsIn(withTag(element, DER.sequence).content).map((set) =>
    elementsIn(withTag(set, DER.set).content).map(attributeOf),
  );
  const attributes = parts.flat();
  return {
    text: parts
      .toReversed()
      .map((part) => part.map(written).join("+"))
      .join(","),
    commonNames: attributes.flatMap(({ type, text }) => (type === "CN" && text !== undefined ? [text] : [])),
    texts: attributes.flatMap(({ text }) => text ?? []),
  };
}

function attributeOf(element: DerElement): NameAttribute {
  const [type, value] = elementsIn(withTag(element, DER.sequence).content);
  const id = objectIdentifierOf(type);
  return {
    type: TYPES[id] ?? id,
    text: TYPES[id] === undefined || value === undefined ? undefined : textOf(value),
    hex: value?.whole.toString("hex") ?? "",
  };
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const [NUMERIC, PRINTABLE, IA5, BMP] = [0x12, 0x13, 0x16, 0x1e];

/** Teletex and universal strings are not read: programs differ in what they are. */
function textOf({ tag, content }: DerElement): string | undefined {
  switch (tag) {
    case DER.utf8String:
      return decoded(content);
    case NUMERIC:
    case PRINTABLE:
    case IA5:
      return content.toString("latin1");
    case BMP:
      return content.length % 2 === 0 ? Buffer.from(content).swap16().toString("utf16le") : undefined;
    default:
      return undefined;
  }
}

function decoded(content: Buffer): string | undefined {
  try {
    return UTF8.decode(content);
  } catch {
    return undefined;
  }
}

function written({ type, text, hex }: NameAttribute): string {
  return text === undefined ? `${type}=#${hex}` : `${type}=${escaped(text)}`;
}

/** RFC 4514 section 2.4. */
function escaped(text: string): string {
  return text
    .replace(/["+,;<>\\]/g, "\\$&")
    .replace(/^[ #]/, "\\$&")
    .replace(/(?<!\\) $/, "\\ ");
}

import { type Document, isScalar, type Pair, type Scalar, visit, type YAMLMap } from "yaml";
import { invisibleInLines } from "../../kernel/printable.ts";
import { shownValue } from "../shown-value.ts";

/** A fault at an offset of the text. */
export interface FaultAt {
  readonly offset: number;
  readonly text: string;
}

/** What a document in UTF-8 does not hold: control characters but tab and line end, a carriage return alone, and what a decoder writes for other bytes. */
const UNREADABLE = /(?![\t\r\n])[\p{Cc}\ufffd]|\r(?!\n)/u;

/** The first character of a text that is no part of any document. */
export function unreadableIn(text: string): FaultAt | undefined {
  const offset = text.search(UNREADABLE);
  if (offset === -1) return undefined;
  const fault = text.includes("\ufffd")
    ? "the text is not UTF-8; save the file as UTF-8"
    : `the text holds ${codePointOf(text, offset)}, which no document may hold; remove it, or save the file as UTF-8`;
  return { offset, text: fault };
}

/**
 * Faults that the parser does not see, or sees only in quadratic time: a name that stands twice, that is no text or that JavaScript would
 * hide; a reference to nothing; a character that nobody sees, since a sender with one is another sender.
 */
export function faultsIn(document: Document.Parsed, text: string): readonly FaultAt[] {
  const faults: FaultAt[] = [];
  const anchors = new Set<string>();
  visit(document, {
    Map(_, map) {
      if (map.anchor !== undefined) anchors.add(map.anchor);
      faults.push(...faultsOfNames(map));
    },
    Seq(_, { anchor }) {
      if (anchor !== undefined) anchors.add(anchor);
    },
    Alias(_, { source, range }) {
      if (!anchors.has(source)) faults.push({ offset: range?.[0] ?? 0, text: NO_REFERENCE });
    },
    Scalar(_, scalar) {
      if (scalar.anchor !== undefined) anchors.add(scalar.anchor);
      const fault = faultOfInvisible(scalar, text);
      if (fault !== undefined) faults.push(fault);
    },
  });
  return faults;
}

const NO_REFERENCE =
  'a "*" begins a reference, and nothing before it has this anchor; put the text in quotes';

function faultsOfNames({ items, range }: YAMLMap): readonly FaultAt[] {
  const names = new Set<string>();
  return items.flatMap(({ key }: Pair): FaultAt[] => {
    if (!isScalar(key))
      return [{ offset: range?.[0] ?? 0, text: "a name here is no text; write it as text" }];
    const offset = key.range?.[0] ?? 0;
    // JavaScript makes a text of every name: 1 and "1" are one.
    const name = String(key.value);
    if (name === "__proto__") return [{ offset, text: '"__proto__" is no name; choose another' }];
    if (names.has(name))
      return [{ offset, text: `${shownValue(name)} stands here twice; remove one of the two` }];
    names.add(name);
    return [];
  });
}

/** Of the text as it is written: an escape (`"\u200b"`) shows the character. */
function faultOfInvisible({ range }: Scalar, text: string): FaultAt | undefined {
  const [start, end] = range ?? [0, 0];
  const found = invisibleInLines(text.slice(start, end));
  if (found === undefined) return undefined;
  const offset = start + found.index;
  return {
    offset,
    text: `the text holds ${codePointOf(text, offset)}, which cannot be seen; remove it, or write it as an escape in double quotes`,
  };
}

function codePointOf(text: string, offset: number): string {
  return `U+${(text.codePointAt(offset) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

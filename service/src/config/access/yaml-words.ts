import type { ErrorCode } from "yaml";

/** What the parser finds, for the person who wrote the document. Its own messages may show a part of the text, and so a secret. */
const TEXTS: Partial<Readonly<Record<ErrorCode, string>>> = {
  ALIAS_PROPS: "a reference (*NAME) has an anchor or a tag; remove it",
  BAD_ALIAS: 'a "*" or "&" begins a reference here; put the text in quotes',
  BAD_DIRECTIVE: 'a line that begins with "%" is not allowed; remove it',
  BAD_DQ_ESCAPE: 'a "\\" begins an escape that YAML does not have; put the text in single quotes',
  BAD_INDENT: "the indentation differs from that of the lines around it; use two spaces for each level",
  BAD_SCALAR_START: "a text begins with a character that YAML reserves; put the text in quotes",
  BLOCK_AS_IMPLICIT_KEY: 'the line has a second ":" or "-"; put the text in quotes, or begin a new line',
  BLOCK_IN_FLOW: "indented lines are inside [ ] or { }; write this part in only one of the two styles",
  KEY_OVER_1024_CHARS: "a name has more than 1,024 characters; shorten it",
  MISSING_CHAR: 'a quote, a bracket, a comma, or the space after a ":" is missing here or before; add it',
  MULTILINE_IMPLICIT_KEY:
    'a name continues on the next line; add the missing ":" after it, or close its quote',
  MULTIPLE_DOCS: "a second document begins; keep one in a file",
  RESOURCE_EXHAUSTION: "the document is nested too deeply; reduce the nesting",
  TAB_AS_INDENT: "a tab is used for indentation; use spaces",
};

const TAGGED = "a tag or an anchor is not allowed here; remove it";
const UNEXPECTED =
  "a character is not expected here; check the brackets, the commas and the quotes before it";

const TAG_CODES: ReadonlySet<ErrorCode> = new Set([
  "BAD_COLLECTION_TYPE",
  "BAD_PROP_ORDER",
  "MULTIPLE_ANCHORS",
  "MULTIPLE_TAGS",
  "TAG_RESOLVE_FAILED",
]);

/** The end of a line about a fault of the syntax. */
export function syntaxText(code: ErrorCode): string {
  return TEXTS[code] ?? (TAG_CODES.has(code) ? TAGGED : UNEXPECTED);
}

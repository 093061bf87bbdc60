import { printable } from "../kernel/printable.ts";

const SHOWN_CHARS_MAX = 64;
/** How JSON, PEM and a compact token begin. */
const BEGINS_LIKE_A_SECRET = /^\s*(?:\[?\s*\{|-----|eyJ)/;
/** A key or a random token on its own, whatever its encoding. */
const ALL_LIKE_A_SECRET = /^\s*[A-Za-z0-9+/=_-]{32,}\s*$/;
const NOT_SHOWN = "(not shown: it looks like a secret)";

/** An operator's own value for an error line, in quotes, short and harmless; words in its place when it looks like a secret that was put in the wrong place. */
export function shownValue(text: string, charsMax = SHOWN_CHARS_MAX): string {
  return ALL_LIKE_A_SECRET.test(text) || BEGINS_LIKE_A_SECRET.test(text)
    ? NOT_SHOWN
    : `"${cut(text, charsMax)}"`;
}

/** An operator's own text for the log: harmless, and cut to `charsMax` characters before the escapes. */
export function loggedText(text: string, charsMax = 200): string {
  return BEGINS_LIKE_A_SECRET.test(text) ? NOT_SHOWN : cut(text, charsMax);
}

function cut(text: string, charsMax: number): string {
  return text.length > charsMax ? `${printable(text.slice(0, charsMax))}…` : printable(text);
}

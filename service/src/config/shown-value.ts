import { holdsLikelySecret, printable, withInvisibleEscaped } from "../kernel/printable.ts";

const SHOWN_CHARS_MAX = 64;
/** How JSON, PEM and a compact token begin. */
const BEGINS_LIKE_A_SECRET = /^\s*(?:\[?\s*\{|-----|eyJ)/;
/** A key or a random token on its own, whatever its encoding. */
const ALL_LIKE_A_SECRET = /^\s*[A-Za-z0-9+/=_-]{32,}\s*$/;
const NOT_SHOWN = "(not shown: it looks like a secret)";

/** An operator's own value for an error line, in quotes, short and harmless; words in its place when it looks like a secret that was put in the wrong place. */
export function shownValue(text: string, charsMax = SHOWN_CHARS_MAX): string {
  return isLikeASecret(text) ? NOT_SHOWN : `"${cut(text, charsMax, withInvisibleEscaped)}"`;
}

const SHOWN_AROUND_CHARS = 24;

/** A text that is no secret by its place, in quotes, with what cannot be seen written out; words in its place when it begins like a key. Of a long one the part around the character at `index`. */
export function shownAround(text: string, index: number): string {
  if (beginsLikeASecret(text)) return NOT_SHOWN;
  if (text.length <= SHOWN_CHARS_MAX) return `"${withInvisibleEscaped(text)}"`;
  const [from, to] = [Math.max(0, index - SHOWN_AROUND_CHARS), index + SHOWN_AROUND_CHARS];
  const shown = withInvisibleEscaped(text.slice(from, to));
  return `"${from > 0 ? "…" : ""}${shown}${to < text.length ? "…" : ""}"`;
}

function isLikeASecret(text: string): boolean {
  return ALL_LIKE_A_SECRET.test(text) || beginsLikeASecret(text) || holdsLikelySecret(text);
}

/** Whether a text begins as JSON, PEM or a compact token does. */
export function beginsLikeASecret(text: string): boolean {
  return BEGINS_LIKE_A_SECRET.test(text);
}

/** An operator's own name for something, in quotes, with what cannot be seen written out: two that differ look different. */
export function quotedName(text: string, charsMax = 120): string {
  return beginsLikeASecret(text) ? NOT_SHOWN : `"${cut(text, charsMax, withInvisibleEscaped)}"`;
}

/** An operator's own text for the log: harmless, and cut to `charsMax` characters before the escapes. */
export function loggedText(text: string, charsMax = 200): string {
  return beginsLikeASecret(text) ? NOT_SHOWN : cut(text, charsMax, printable);
}

function cut(text: string, charsMax: number, escaped: (text: string) => string): string {
  return text.length > charsMax ? `${escaped(text.slice(0, charsMax))}…` : escaped(text);
}

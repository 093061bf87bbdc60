/** The backslash that the escapes themselves begin with, control characters, line and paragraph separators, and the marks that turn the reading direction (Unicode TR 36). */
const UNPRINTABLE =
  /[\\\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;

/** The text with everything that could move a cursor, start a line or hide a word written as `\u{hex}`; two texts never look alike. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

const PATH_CHARS_MAX = 256;
/** A key, a token or a JSON text; a path that begins at a folder is told apart by that. */
const LIKE_A_SECRET = /^(?:[^./]*|[^./][A-Za-z0-9+/=_-]{31,}|[{[-].*)$/s;

/** A path for a message; words in its place when it looks like a secret that was put where a path belongs. */
export function printablePath(path: string): string {
  return path.length > PATH_CHARS_MAX || LIKE_A_SECRET.test(path)
    ? "(not shown: it looks like no path)"
    : printable(path);
}

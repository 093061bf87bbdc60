/** The backslash that the escapes themselves begin with, control characters, line and paragraph separators, and the marks that turn the reading direction (Unicode TR 36). */
const UNPRINTABLE =
  /[\\\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;

/** The text with everything that could move a cursor, start a line or hide a word written as `\u{hex}`; two texts never look alike. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

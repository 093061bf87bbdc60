/** The backslash that the escapes themselves begin with, control characters, line and paragraph separators, and the marks that turn the reading direction (Unicode TR 36). */
const UNPRINTABLE =
  /[\\\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;

/**
 * Characters that a person does not see, or mistakes for a space: controls, format characters and the rest of Unicode's
 * Default_Ignorable_Code_Point (UAX 44), every space but U+0020, the blank of Braille, and what a decoder puts in the place of
 * bytes that are not UTF-8.
 */
const INVISIBLE = /(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Z}\p{Default_Ignorable_Code_Point}\u2800\ufffd]/u;
const EACH_INVISIBLE = new RegExp(INVISIBLE.source, "gu");
const INVISIBLE_IN_LINES = new RegExp(`(?![\\t\\r\\n])${INVISIBLE.source}`, "u");
const UNPRINTABLE_OR_INVISIBLE = new RegExp(`${UNPRINTABLE.source}|${INVISIBLE.source}`, "gu");

/** A character that cannot be seen, and its position. */
export interface Invisible {
  readonly index: number;
  readonly codePoint: number;
}

/** The first character of a text that cannot be seen. */
export function invisibleIn(text: string): Invisible | undefined {
  return firstOf(INVISIBLE, text);
}

/**
 * Whether a person sees where a name begins and ends, and every character of it: none is invisible, and no space is at an end, beside a
 * `/` or beside another space.
 */
export function isSeenWhole(name: string): boolean {
  return invisibleIn(name) === undefined && !/^ | $| [ /]|\/ /.test(name);
}

/** As `invisibleIn`, for a text of several lines, where tabs and line ends are in their place. */
export function invisibleInLines(text: string): Invisible | undefined {
  return firstOf(INVISIBLE_IN_LINES, text);
}

function firstOf(pattern: RegExp, text: string): Invisible | undefined {
  const match = pattern.exec(text);
  return match === null ? undefined : { index: match.index, codePoint: match[0].codePointAt(0) ?? 0 };
}

/** As `printable`, and invisible characters are escaped too: for values that are not what they look like. */
export function withInvisibleEscaped(text: string): string {
  return text.replace(UNPRINTABLE_OR_INVISIBLE, escaped);
}

/** The text with everything that could move a cursor, start a line or hide a word written as `\u{hex}`; two texts never look alike. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** 32 characters of an encoding of random bytes with a digit among them, or 32 bytes as base64. Else a path that begins at a folder is none of these. */
const LIKE_RANDOM = /^(?:(?=.*[0-9])[^./][A-Za-z0-9+/=_-]{31,}|[A-Za-z0-9+/]{43}=)$/;
const BETWEEN_RUNS = /[^A-Za-z0-9+/=_.-]+/;

/** Whether a text holds what may be a key or a random token: as a part of its own, or broken by characters that cannot be seen. */
export function holdsLikelySecret(text: string): boolean {
  return [text.replace(EACH_INVISIBLE, ""), ...text.split(BETWEEN_RUNS)].some((part) =>
    LIKE_RANDOM.test(part),
  );
}

/** Everything but the printable ASCII characters, and the sign that the escapes begin with. */
const ESCAPED = /[^\x20-\x24\x26-\x7e]/gu;
const ESCAPE = /%\{([0-9a-f]{1,6})\}/g;

/**
 * The text in printable ASCII, which every encoding of a database holds (WIN1251, EUC_JP and SQL_ASCII as well as UTF8): any other
 * character, NUL included, becomes `%{hex}`. Two texts never become alike.
 */
export function toAscii(text: string): string {
  return text.replace(ESCAPED, (character) => `%{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The text from which `toAscii` made this one. */
export function fromAscii(stored: string): string {
  return stored.replace(ESCAPE, (whole, hex: string) => {
    const codePoint = Number.parseInt(hex, 16);
    return codePoint <= 0x10_ff_ff ? String.fromCodePoint(codePoint) : whole;
  });
}

/** A JSON text in printable ASCII that means the same. */
export function asciiJson(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

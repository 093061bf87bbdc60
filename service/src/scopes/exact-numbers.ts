/** A number of a JSON text that JavaScript reads as another one. */
export interface InexactNumber {
  /** Where it stands, such as `limits.max` or `list[2]`. */
  readonly path: string;
  /** As it was written. */
  readonly written: string;
}

/** How a number begins that may be inexact; a text may look so too. One of 15 digits or fewer without an exponent is exact (IEEE 754 double, DBL_DIG). */
const MAYBE_INEXACT = /[:,[\s]-?(?:[0-9.]{16}|[0-9.]+[eE])/;
/** A text, or a number that may be inexact, whole. */
const TEXT_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9]+(?:\.[0-9]+)?[eE][-+]?[0-9]+|-?[0-9.]{16,}/g;

/**
 * The first number below `member` of a JSON object that would change its value when it is written again: too many digits, or out
 * of range. `value` is what `JSON.parse` made of `text`; nesting is bounded by the caller. Node 20 has no parser that gives a
 * number's source, so the text is parsed once more with each number that may be inexact as a text, and both are compared.
 */
export function inexactNumberIn(text: string, value: unknown, member: string): InexactNumber | undefined {
  const inside = memberOf(value, member);
  if (!holdsNumber(inside) || !MAYBE_INEXACT.test(text)) return undefined;
  const written: unknown = JSON.parse(
    text.replace(TEXT_OR_NUMBER, (token) => (token.startsWith('"') ? token : `"${token}"`)),
  );
  return firstInexact(inside, memberOf(written, member), member);
}

function memberOf(value: unknown, member: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, member)
    ? (value as Record<string, unknown>)[member]
    : undefined;
}

function holdsNumber(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value === "number";
  return Object.values(value).some(holdsNumber);
}

/** Both come of one text: where the first holds a number that may be inexact, the second holds how it was written. */
function firstInexact(value: unknown, written: unknown, path: string): InexactNumber | undefined {
  if (typeof value === "number" && typeof written === "string")
    return isExact(value, written) ? undefined : { path, written };
  if (typeof value !== "object" || value === null) return undefined;
  const isList = Array.isArray(value);
  for (const [name, inner] of Object.entries(value)) {
    const place = isList ? `${path}[${name}]` : `${path}.${name}`;
    const found = firstInexact(inner, memberOf(written, name), place);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isExact(value: number, written: string): boolean {
  return Number.isFinite(value) && normalised(written) === normalised(JSON.stringify(value));
}

const DECIMAL = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?$/;

/** One spelling for each decimal value: its sign, its digits without zeros at either end, and the power of ten behind them. Zero has no sign. */
function normalised(decimal: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = DECIMAL.exec(decimal) ?? [];
  const digits = whole + fraction;
  // Counted and not matched: a pattern for zeros at the end is tried at every zero, and a body may hold a hundred thousand.
  let from = 0;
  while (digits[from] === "0") from += 1;
  if (from === digits.length) return "0";
  let to = digits.length;
  while (digits[to - 1] === "0") to -= 1;
  const power = Number(exponent) - fraction.length + digits.length - to;
  return `${sign}${digits.slice(from, to)}e${String(power)}`;
}

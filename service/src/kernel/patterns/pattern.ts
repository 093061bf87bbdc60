/** The longest pattern that is accepted, in UTF-16 code units. */
export const PATTERN_CHARS_MAX = 512;

/** One piece of a segment between two `*`: text, or text around the value of a claim. */
export type Piece = string | Template;

/** The place of a claim's value: `{claims.NAME}`. */
export interface Template {
  readonly claim: string;
  readonly before: string;
  readonly after: string;
}

/** A segment: its pieces stand in this order, with any characters between two of them. */
export type Segment = readonly Piece[];

/**
 * A pattern of a text whose segments `/` separates, ready to be matched. `*` stands for any characters within its segment, none
 * included; a segment that is `*` alone stands for a whole one, which is not empty unless `starCharsMin` is 0; a segment `**` stands
 * for one segment or more; everything else stands for itself, byte for byte.
 */
export interface Pattern {
  readonly source: string;
  /** What every match begins with. */
  readonly lead: string;
  readonly head: readonly Segment[];
  /** What follows `**`; `undefined`: the pattern has none. */
  readonly tail: readonly Segment[] | undefined;
  readonly starCharsMin: StarCharsMin;
}

/** The least that a segment which is `*` alone stands for: what is granted has a name, and what is denied may have none. */
export type StarCharsMin = 0 | 1;

/** Why a text is no pattern. */
export type PatternFault =
  | "empty"
  | "too_long"
  | "not_unicode"
  /** `**` beside other characters of its segment. */
  | "double_star_in_segment"
  /** A second `**` would cost more than linear time. */
  | "several_double_stars"
  /** A brace that is not of `{claims.NAME}`. */
  | "template_malformed"
  /** Two claims in one segment could be split in two ways, and one text would stand for two proofs. */
  | "several_templates_in_segment";

/** A pattern, read. `exact`: the text has neither wildcard nor template. */
export type ParsedPattern =
  | { readonly kind: "exact"; readonly text: string }
  | { readonly kind: "pattern"; readonly pattern: Pattern }
  | { readonly kind: "invalid"; readonly fault: PatternFault };

const TEMPLATE_START = "{claims.";
const CLAIM_NAME = /^[A-Za-z0-9_.:-]{1,64}$/;

/** Reads a pattern. Its matching takes linear time: at most one `**`, and `*` needs no second attempt. */
export function parsePattern(source: string, starCharsMin: StarCharsMin = 1): ParsedPattern {
  if (source === "") return invalid("empty");
  if (source.length > PATTERN_CHARS_MAX) return invalid("too_long");
  if (!source.isWellFormed()) return invalid("not_unicode");
  if (!/[*{}]/.test(source)) return { kind: "exact", text: source };

  return parseSegments(source, source.split("/"), starCharsMin);
}

/** The claims whose values a pattern asks for. */
export function claimsIn(pattern: Pattern): readonly string[] {
  return [...pattern.head, ...(pattern.tail ?? [])].flatMap((segment) =>
    segment.flatMap((piece) => (typeof piece === "string" ? [] : [piece.claim])),
  );
}

function parseSegments(source: string, texts: readonly string[], starCharsMin: StarCharsMin): ParsedPattern {
  if (texts.some((text) => text !== "**" && text.includes("**"))) return invalid("double_star_in_segment");
  const run = texts.indexOf("**");
  if (run !== texts.lastIndexOf("**")) return invalid("several_double_stars");
  const segments: Segment[] = [];
  for (const text of texts) {
    const segment = parseSegment(text);
    if (typeof segment === "string") return invalid(segment);
    segments.push(segment);
  }
  const pattern = {
    source,
    lead: source.slice(0, source.search(/[*{]/)),
    head: run === -1 ? segments : segments.slice(0, run),
    tail: run === -1 ? undefined : segments.slice(run + 1),
    starCharsMin,
  };
  return { kind: "pattern", pattern };
}

function parseSegment(text: string): Segment | PatternFault {
  const pieces: Piece[] = [];
  for (const part of text.split("*")) {
    const piece = parsePiece(part);
    if (piece === undefined) return "template_malformed";
    pieces.push(piece);
  }
  return pieces.filter((piece) => typeof piece !== "string").length > 1
    ? "several_templates_in_segment"
    : pieces;
}

/** A piece with two templates is malformed too: the second one's braces stand in `after`. */
function parsePiece(text: string): Piece | undefined {
  const start = text.indexOf(TEMPLATE_START);
  const end = text.indexOf("}", start);
  if (start === -1 || end === -1) return /[{}]/.test(text) ? undefined : text;
  const [before, claim, after] = [
    text.slice(0, start),
    text.slice(start + TEMPLATE_START.length, end),
    text.slice(end + 1),
  ];
  return CLAIM_NAME.test(claim) && !/[{}]/.test(before + after) ? { claim, before, after } : undefined;
}

function invalid(fault: PatternFault): ParsedPattern {
  return { kind: "invalid", fault };
}

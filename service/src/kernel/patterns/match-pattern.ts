import type { Pattern, Piece, Segment, Template } from "./pattern.ts";

/** A text and its segments, split once for many patterns. */
export interface SegmentedText {
  readonly text: string;
  readonly segments: readonly string[];
}

/** Splits a text into the segments that `/` separates. */
export function segmented(text: string): SegmentedText {
  return { text, segments: text.split("/") };
}

/** Values for the templates of a pattern, by the name of their claim. */
export type TemplateValues = Readonly<Record<string, string>>;

/**
 * Whether a pattern matches the whole text, in time linear in both: each segment of the text is compared with one segment of the
 * pattern. A template without a usable value matches nothing.
 */
export function matchesPattern(
  pattern: Pattern,
  { text, segments }: SegmentedText,
  values: TemplateValues,
): boolean {
  if (!text.startsWith(pattern.lead)) return false;
  const { head, tail, starCharsMin } = pattern;
  const matches = (part: readonly Segment[], start: number): boolean =>
    part.every((segment, index) => {
      const own = segments[start + index] ?? "";
      return (own !== "" || starCharsMin === 0 || !isStar(segment)) && matchesSegment(segment, own, values);
    });
  if (tail === undefined) return segments.length === head.length && matches(head, 0);
  const tailStart = segments.length - tail.length;
  return tailStart > head.length && matches(head, 0) && matches(tail, tailStart);
}

/**
 * The value of a claim where it may stand in a pattern: one segment that is not empty, without wildcards, braces or control
 * characters, so that it cannot widen the pattern or be taken for two segments.
 */
export function templateValue(values: TemplateValues, claim: string): string | undefined {
  const value = Object.hasOwn(values, claim) ? values[claim] : undefined;
  return value !== undefined && value !== "" && !UNUSABLE.test(value) ? value : undefined;
}

const UNUSABLE = /[/*{}\p{Cc}\p{Cs}]/u;

/** Whether a segment is `*` alone: nothing before it and nothing after it. */
function isStar(segment: Segment): boolean {
  return segment.length === 2 && segment[0] === "" && segment[1] === "";
}

function matchesSegment(segment: Segment, text: string, values: TemplateValues): boolean {
  const last = segment.length - 1;
  const first = resolved(segment[0], values);
  if (first === undefined || !text.startsWith(first)) return false;
  if (last === 0) return text.length === first.length;
  const end = resolved(segment[last], values);
  if (end === undefined || text.length < first.length + end.length || !text.endsWith(end)) return false;
  return holdsInOrder(segment.slice(1, last), text.slice(first.length, text.length - end.length), values);
}

/** Takes each piece where it first stands: a later place leaves less room for the next one. */
function holdsInOrder(pieces: readonly Piece[], text: string, values: TemplateValues): boolean {
  let from = 0;
  for (const piece of pieces) {
    const wanted = resolved(piece, values);
    const found = wanted === undefined ? -1 : indexIn(text, wanted, from);
    if (wanted === undefined || found === -1) return false;
    from = found + wanted.length;
  }
  return true;
}

function resolved(piece: Piece | undefined, values: TemplateValues): string | undefined {
  return typeof piece === "object" ? filled(piece, values) : piece;
}

function filled({ claim, before, after }: Template, values: TemplateValues): string | undefined {
  const value = templateValue(values, claim);
  return value && before + value + after;
}

/** As `text.indexOf(wanted, from)`, in linear time for every text (Knuth, Morris, Pratt): the engine's own search promises none. */
function indexIn(text: string, wanted: string, from: number): number {
  const borders = bordersOf(wanted);
  let matched = 0;
  for (let index = from; index < text.length && matched < wanted.length; index += 1) {
    while (matched > 0 && text[index] !== wanted[matched]) matched = borders[matched - 1] ?? 0;
    if (text[index] === wanted[matched]) matched += 1;
    if (matched === wanted.length) return index + 1 - matched;
  }
  return wanted === "" ? from : -1;
}

/** For each beginning of a text, the length of its longest proper beginning that is also its end. */
function bordersOf(text: string): readonly number[] {
  const borders = [0];
  let border = 0;
  for (let index = 1; index < text.length; index += 1) {
    while (border > 0 && text[index] !== text[border]) border = borders[border - 1] ?? 0;
    if (text[index] === text[border]) border += 1;
    borders.push(border);
  }
  return borders;
}

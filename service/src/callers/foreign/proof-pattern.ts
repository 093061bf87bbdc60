import { matchesPattern, segmented } from "../../kernel/patterns/match-pattern.ts";
import { claimsIn, type PatternFault, parsePattern } from "../../kernel/patterns/pattern.ts";

/**
 * A pattern of a subject or a claim of a foreign token. As patterns of senders (kernel/patterns), but segments end at `/` and at `:`,
 * since subjects are written with both: `system:serviceaccount:prod:*`, `repo:octo/app:ref:refs/heads/*`. `**` is the last segment.
 */
export interface ProofPattern {
  readonly source: string;
  /** Whether it matches its own text only. */
  readonly isExact: boolean;
  readonly matches: (text: string) => boolean;
}

export type ProofPatternFault =
  | Exclude<PatternFault, "several_double_stars" | "several_templates_in_segment">
  /** Templates bind a sender to a proof; the proof itself has none. */
  | "template_not_allowed"
  | "not_plain_text";

/** The longest text that a pattern with `*` matches. */
const TEXT_CHARS_MAX = 2_048;
/** Stands for `/` at the end of a segment; texts with control characters are not subjects. */
const SLASH = "\u0001";

/** Reads a pattern of a subject or a claim. */
export function parseProofPattern(
  source: string,
):
  | { readonly kind: "pattern"; readonly pattern: ProofPattern }
  | { readonly kind: "invalid"; readonly fault: ProofPatternFault } {
  if (/[\p{Cc}\p{Cs}]/u.test(source)) return { kind: "invalid", fault: "not_plain_text" };
  if (!source.includes("*") && source !== "" && source.length <= 512)
    return { kind: "pattern", pattern: { source, isExact: true, matches: (text) => text === source } };
  const read = parsePattern(withMarkedSegments(source));
  if (read.kind === "invalid") return { kind: "invalid", fault: faultOf(read.fault) };
  if (read.kind === "exact") return { kind: "invalid", fault: "too_long" };
  const { pattern } = read;
  if (claimsIn(pattern).length > 0) return { kind: "invalid", fault: "template_not_allowed" };
  const matches = (text: string): boolean =>
    text.length <= TEXT_CHARS_MAX &&
    hasNoEmptySegment(text) &&
    matchesPattern(pattern, segmented(withMarkedSegments(text)), {});
  return { kind: "pattern", pattern: { source, isExact: false, matches } };
}

/** Each segment keeps what ended it, so that `*` never matches a text across `/` or `:`, nor one in place of the other. */
function withMarkedSegments(text: string): string {
  return text.replaceAll("/", `${SLASH}/`).replaceAll(":", ":/");
}

/** What a wildcard matches is never empty: `prod:*` does not match `prod:`. `://` is no empty segment. */
function hasNoEmptySegment(text: string): boolean {
  return !/^$|[/:]$|^[/:]|[/:]{2}/.test(text.replace(/^([a-z]+):\/\//, "$1:"));
}

function faultOf(fault: PatternFault): ProofPatternFault {
  if (fault === "several_templates_in_segment") return "template_not_allowed";
  return fault === "several_double_stars" ? "double_star_in_segment" : fault;
}

/** Whether some text may match both patterns. It may say so of two that no text matches, never the reverse. */
export function mayOverlap(one: string, other: string): boolean {
  const [a, b] = [tokensOf(one), tokensOf(other)];
  // The places in `b` that some text reaches together with the place in `a`.
  let places = new Set([0]);
  for (let at = 0; at <= a.length; at += 1) {
    const here = closed(places, a[at], b);
    if (at === a.length) return here.has(b.length);
    places = stepped(here, a[at], b);
  }
  return false;
}

/** Adds what is reached without a step in `a`: past a `*` of `b`, and past any token of `b` while `a` is at a `*`. */
function closed(places: ReadonlySet<number>, token: string | undefined, b: readonly string[]): Set<number> {
  const all = new Set(places);
  for (const place of all) {
    const next = b[place];
    if (next !== undefined && (next === "*" || token === "*")) all.add(place + 1);
  }
  return all;
}

/** One step in `a`: a `*` may stand for nothing, and a `*` of `b` for this token. */
function stepped(places: ReadonlySet<number>, token: string | undefined, b: readonly string[]): Set<number> {
  const next = new Set<number>();
  for (const place of places) {
    if (token === "*" || b[place] === "*") next.add(place);
    if (token === b[place]) next.add(place + 1);
  }
  return next;
}

/** Characters, each run of `*` as one. */
function tokensOf(text: string): readonly string[] {
  return Array.from(text.replace(/\*+/g, "*"));
}

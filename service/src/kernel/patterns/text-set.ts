import { matchesPattern, type SegmentedText, type TemplateValues } from "./match-pattern.ts";
import { type Pattern, type PatternFault, parsePattern, type StarCharsMin } from "./pattern.ts";

/** Texts that a list of patterns allows: those without a wildcard or template are looked up, the others tried one by one. */
export interface TextSet {
  readonly exact: ReadonlySet<string>;
  readonly patterns: readonly Pattern[];
}

/** A pattern of a list that is none. */
export interface FaultyPattern {
  readonly index: number;
  readonly fault: PatternFault;
}

/** Reads a list of patterns; `faults` names those that are left out of the set, so a caller that goes on with any takes less. */
export function textSetOf(
  sources: readonly string[],
  starCharsMin: StarCharsMin = 1,
): {
  readonly set: TextSet;
  readonly faults: readonly FaultyPattern[];
} {
  const exact = new Set<string>();
  const patterns: Pattern[] = [];
  const faults: FaultyPattern[] = [];
  for (const [index, source] of sources.entries()) {
    const parsed = parsePattern(source, starCharsMin);
    if (parsed.kind === "exact") exact.add(parsed.text);
    else if (parsed.kind === "pattern") patterns.push(parsed.pattern);
    else faults.push({ index, fault: parsed.fault });
  }
  return { set: { exact: exact.size === 0 ? NO_TEXTS : exact, patterns }, faults };
}

/** Shared: a set takes 250 bytes also when it is empty, and a policy may have 100,000 grants. */
const NO_TEXTS: ReadonlySet<string> = new Set();

/** Whether a text is in the set, by name or by a pattern. */
export function holds(set: TextSet, text: SegmentedText, values: TemplateValues = {}): boolean {
  return set.exact.has(text.text) || matchesSome(set.patterns, text, values);
}

/** Whether one of the patterns matches. */
export function matchesSome(
  patterns: readonly Pattern[],
  text: SegmentedText,
  values: TemplateValues,
): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, text, values));
}

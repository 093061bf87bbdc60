import type { CallerId } from "../caller.ts";
import type { CallerEntry, WorkloadRule } from "../declared/registry.ts";
import type { ClaimValues, WorkloadFacts } from "../foreign/presets.ts";
import { type ProofPattern, parseProofPattern } from "../foreign/proof-pattern.ts";

/** A rule of a caller, with its patterns read. */
export interface CompiledRule {
  readonly caller: CallerId;
  readonly rule: WorkloadRule;
  readonly subject: ProofPattern;
  readonly claims: readonly CompiledClaim[];
}

export interface CompiledClaim {
  readonly name: string;
  readonly patterns: readonly ProofPattern[];
}

/**
 * The rules of one issuer, found by what a token says exactly: its subject, else the value of a claim. Only rules without either are
 * looked at for each token, so that a proof costs the same with many callers.
 */
export interface RuleIndex {
  readonly bySubject: ReadonlyMap<string, readonly CompiledRule[]>;
  /** By claim name, then by value. */
  readonly byClaim: ReadonlyMap<string, ReadonlyMap<string, readonly CompiledRule[]>>;
  readonly others: readonly CompiledRule[];
}

/** The rules of a caller; one whose patterns cannot be read matches nothing, and `checkRegistry` reports it. */
export function compileRules(caller: CallerEntry): readonly CompiledRule[] {
  return caller.workloads.map((rule) => ({
    caller: caller.id,
    rule,
    subject: patternOf(rule.subject),
    claims: Object.entries(rule.claims).map(([name, sources]) => ({
      name,
      patterns: sources.map(patternOf),
    })),
  }));
}

function patternOf(source: string): ProofPattern {
  const read = parseProofPattern(source);
  return read.kind === "pattern" ? read.pattern : { source, isExact: true, matches: () => false };
}

/** Where a rule is found. */
export type RulePlace =
  | { readonly kind: "subject"; readonly subject: string }
  | { readonly kind: "claim"; readonly name: string; readonly values: readonly string[] }
  | { readonly kind: "other" };

export function placeOf({ subject, claims }: CompiledRule): RulePlace {
  if (subject.isExact) return { kind: "subject", subject: subject.source };
  const exact = claims.find(({ patterns }) => patterns.every(({ isExact }) => isExact));
  if (exact === undefined) return { kind: "other" };
  return { kind: "claim", name: exact.name, values: exact.patterns.map(({ source }) => source) };
}

/** The index of the rules of one issuer. */
export function indexRules(rules: readonly CompiledRule[]): RuleIndex {
  const bySubject = new Map<string, CompiledRule[]>();
  const byClaim = new Map<string, Map<string, CompiledRule[]>>();
  const others: CompiledRule[] = [];
  for (const rule of rules) {
    const place = placeOf(rule);
    if (place.kind === "subject") added(bySubject, place.subject, rule);
    else if (place.kind === "other") others.push(rule);
    else {
      const values = byClaim.get(place.name) ?? new Map<string, CompiledRule[]>();
      byClaim.set(place.name, values);
      for (const value of new Set(place.values)) added(values, value, rule);
    }
  }
  return { bySubject, byClaim, others };
}

function added(map: Map<string, CompiledRule[]>, key: string, rule: CompiledRule): void {
  const rules = map.get(key);
  if (rules === undefined) map.set(key, [rule]);
  else rules.push(rule);
}

/** Whom a token proves. */
export type Resolution =
  | { readonly kind: "caller"; readonly caller: CallerId }
  | { readonly kind: "none"; readonly reason: "subject_unmatched" | "claims_unmatched" }
  | { readonly kind: "ambiguous"; readonly callers: readonly CallerId[] };

/** The one caller whose rule a token meets. Two callers are none: nothing decides between them. */
export function resolveWorkload(index: RuleIndex, facts: WorkloadFacts): Resolution {
  const candidates = candidatesOf(index, facts);
  const ofSubject = candidates.filter(({ subject }) => matchesSubject(subject, facts));
  const met = ofSubject.filter(({ claims }) => claims.every((claim) => matchesClaim(claim, facts.claims)));
  const [first, ...more] = new Set(met.map(({ caller }) => caller));
  if (first === undefined)
    return { kind: "none", reason: ofSubject.length > 0 ? "claims_unmatched" : "subject_unmatched" };
  return more.length > 0
    ? { kind: "ambiguous", callers: [first, ...more] }
    : { kind: "caller", caller: first };
}

function candidatesOf(index: RuleIndex, { subjects, claims }: WorkloadFacts): readonly CompiledRule[] {
  const exact = subjects.flatMap((subject) => index.bySubject.get(subject) ?? []);
  const ofClaims = [...index.byClaim].flatMap(([name, values]) =>
    valuesIn(claims, name).flatMap((value) => values.get(value) ?? []),
  );
  return [...exact, ...ofClaims, ...index.others];
}

/** Whether one of the spellings of the subject matches. */
export function matchesSubject(pattern: ProofPattern, { subjects }: WorkloadFacts): boolean {
  return subjects.some((subject) => pattern.matches(subject));
}

/** Whether a claim is there and matches; of a list, one member is enough. */
export function matchesClaim({ name, patterns }: CompiledClaim, claims: ClaimValues): boolean {
  return valuesIn(claims, name).some((value) => patterns.some((pattern) => pattern.matches(value)));
}

function valuesIn(claims: ClaimValues, name: string): readonly string[] {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}

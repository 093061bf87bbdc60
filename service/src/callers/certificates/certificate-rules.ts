import type { CallerId } from "../caller.ts";
import type { CallerEntry, CertificateRule } from "../declared/registry.ts";
import { type ProofPattern, parseProofPattern } from "../foreign/proof-pattern.ts";
import type { CertificateFacts } from "./certificate-facts.ts";

/** A rule of a caller, with its name read. */
export interface CompiledCertificateRule {
  readonly caller: CallerId;
  readonly rule: CertificateRule;
  readonly name: ProofPattern;
}

/** The rules for certificates: those with an exact name are looked up, the others tried one by one. */
export interface CertificateRules {
  readonly all: readonly CompiledCertificateRule[];
  readonly exact: ReadonlyMap<string, readonly CompiledCertificateRule[]>;
  readonly patterns: readonly CompiledCertificateRule[];
}

/** The names of a certificate that a rule may have, each in the form in which it is compared. */
export type CertificateNames = Readonly<Record<CertificateRule["of"], readonly string[]>>;

export function compileCertificateRules(callers: readonly CallerEntry[]): CertificateRules {
  const all = callers.flatMap(({ id, certificates }) =>
    certificates.map((rule) => ({ caller: id, rule, name: patternOf(rule) })),
  );
  const exact = new Map<string, CompiledCertificateRule[]>();
  for (const compiled of all.filter(({ name }) => name.isExact)) {
    const { ca, of } = compiled.rule;
    const place = placeOf(ca, of, compiled.name.source);
    const known = exact.get(place);
    if (known === undefined) exact.set(place, [compiled]);
    else known.push(compiled);
  }
  return { all, exact, patterns: all.filter(({ name }) => !name.isExact) };
}

/** A name as it is compared. The labels of a DNS name are segments, so that `*` stands for one of them; their letter case means nothing. */
export function comparedForm(of: CertificateRule["of"], name: string): string {
  return of === "dns" ? name.toLowerCase().replaceAll(".", "/") : name;
}

/** A rule whose name cannot be read matches nothing, and `checkRegistry` reports it. */
function patternOf({ of, name }: CertificateRule): ProofPattern {
  const source = comparedForm(of, name);
  if (of === "subject") return { source, isExact: true, matches: (text) => text === source };
  const read = parseProofPattern(source);
  return read.kind === "pattern" ? read.pattern : { source, isExact: true, matches: () => false };
}

function placeOf(ca: string, of: CertificateRule["of"], name: string): string {
  return `${ca}\n${of}\n${name}`;
}

/** Names that no single host has (RFC 6125 section 6.4.3), or that are none, prove nobody. */
const HOST = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

export function namesOf({ uris, dnsNames, subject }: CertificateFacts): CertificateNames {
  return {
    uri: uris,
    dns: dnsNames.filter((name) => HOST.test(name)).map((name) => comparedForm("dns", name)),
    subject: subject.text === "" ? [] : [subject.text],
  };
}

/** The rules that a certificate meets. `authorities`: the names of the client CAs to which it leads. */
export function rulesMet(
  { exact, patterns }: CertificateRules,
  authorities: readonly string[],
  names: CertificateNames,
): readonly CompiledCertificateRule[] {
  const named = authorities.flatMap((ca) =>
    (["uri", "dns", "subject"] as const).flatMap((of) =>
      names[of].flatMap((name) => exact.get(placeOf(ca, of, name)) ?? []),
    ),
  );
  return [...named, ...patterns].filter((rule) => isMet(rule, authorities, names));
}

/** Whether a certificate meets one rule. */
export function isMet(
  { rule: { ca, of }, name }: CompiledCertificateRule,
  authorities: readonly string[],
  names: CertificateNames,
): boolean {
  return authorities.includes(ca) && names[of].some((text) => name.matches(text));
}

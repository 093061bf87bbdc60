import { type CallerId, DEFAULT_CALLER } from "../../callers/caller.ts";
import { CERTIFICATE_CLAIMS } from "../../callers/certificates/check-certificate.ts";
import type { CallerEntry, IssuerEntry, WorkloadRule } from "../../callers/declared/registry.ts";
import { PRESET_RULES } from "../../callers/foreign/presets.ts";
import type { Place } from "../../config/access/read-yaml.ts";
import { type CallerLintFacts, lintPolicy, type PolicyFinding } from "../../policy/review/lint-policy.ts";
import type { OpenDocument } from "../access/open-document.ts";
import { counted } from "../terminal/count.ts";
import { findingText, gradeOf, type LintGrade } from "../words/lint-words.ts";
import { callerStateOf } from "./caller-state.ts";

/** One finding of the review, with its place in the document. */
export interface LintFinding {
  readonly grade: LintGrade;
  /** As `FILE:LINE:COLUMN place: what is found`. */
  readonly line: string;
  readonly rule: PolicyFinding["rule"];
  readonly name: string;
  readonly finding: PolicyFinding["finding"];
}

/** What there is to say of the rules of a document at `now`, in the order of the document's rules. */
export function lintDocument(document: OpenDocument, now: number): readonly LintFinding[] {
  const { rules, settings, lineOf } = document;
  const facts = { callers: callerFacts(document, now), maxTtlSeconds: settings.tokens.maxTtlSeconds };
  return lintPolicy(rules, facts).map((finding) => ({
    grade: gradeOf(finding),
    line: lineOf({ place: placeOf(finding, document), text: findingText(finding) }),
    rule: finding.rule,
    name: finding.name,
    finding: finding.finding,
  }));
}

/** A line for each finding, and a line that counts them. */
export function lintText(findings: readonly LintFinding[]): string {
  const count = (grade: LintGrade) => findings.filter((finding) => finding.grade === grade).length;
  return [
    ...findings.map(({ grade, line }) => `${grade.padEnd("warning".length)}  ${line}\n`),
    `${findings.length > 0 ? "\n" : ""}${counted(count("warning"), "warning")}, ${counted(count("note"), "note")}\n`,
  ].join("");
}

function placeOf(finding: PolicyFinding, { rules }: OpenDocument): Place {
  if (finding.rule === "caller") return ["callers", finding.name];
  const list = finding.rule === "grant" ? rules.grants : rules.denies;
  return [
    finding.rule === "grant" ? "grants" : "denies",
    list.findIndex(({ name }) => name === finding.name),
  ];
}

function callerFacts(
  { registry, settings, rules }: OpenDocument,
  now: number,
): ReadonlyMap<CallerId, CallerLintFacts> {
  const named = new Set(
    rules.grants.flatMap(({ claims, senders }) => [
      ...Object.keys(claims),
      ...senders.flatMap(claimsNamedIn),
    ]),
  );
  const ofSettings: [CallerId, CallerLintFacts][] =
    settings.access.sharedSecret === undefined
      ? []
      : [[DEFAULT_CALLER, { isActive: true, claims: new Set(), hasBareGithubSubject: false }]];
  return new Map([
    ...ofSettings,
    ...registry.callers.map((caller): [CallerId, CallerLintFacts] => [
      caller.id,
      {
        isActive: callerStateOf(caller, now) === "active" && hasProof(caller),
        claims: new Set([
          ...caller.workloads.flatMap((rule) => claimsOf(issuerOf(rule, registry.issuers), named)),
          ...(caller.certificates.length > 0 ? CERTIFICATE_CLAIMS : []),
        ]),
        hasBareGithubSubject: caller.workloads.some((rule) => isBare(rule, issuerOf(rule, registry.issuers))),
      },
    ]),
  ]);
}

function hasProof({ secrets, workloads, assertionKeys, certificates }: CallerEntry): boolean {
  return secrets.length + workloads.length + assertionKeys.length + certificates.length > 0;
}

function issuerOf({ issuer }: WorkloadRule, issuers: readonly IssuerEntry[]): IssuerEntry | undefined {
  return issuers.find(({ name }) => name === issuer);
}

/** The claims that the tokens of an issuer can carry; of one whose tokens may carry any, those that the grants name. */
function claimsOf(issuer: IssuerEntry | undefined, named: ReadonlySet<string>): readonly string[] {
  if (issuer === undefined) return [];
  const { claimNames } = PRESET_RULES[issuer.preset];
  return claimNames === "any" ? [...named] : claimNames;
}

function claimsNamedIn(sender: string): readonly string[] {
  return [...sender.matchAll(/\{claims\.([^}]+)\}/g)].map(([, name = ""]) => name);
}

/** A rule of GitHub that names a repository by its name alone: not in the subject with ids, and not by `repository_id`. */
function isBare({ subject, claims }: WorkloadRule, issuer: IssuerEntry | undefined): boolean {
  const namesRepository = /^repo:[^*]+\/[^*]+/.test(subject) || claims["repository"] !== undefined;
  const hasId =
    /^repo:[^/@:*]+@[0-9]+\/[^/@:*]+@[0-9]+/.test(subject) || claims["repository_id"] !== undefined;
  return issuer?.preset === "github" && namesRepository && !hasId;
}

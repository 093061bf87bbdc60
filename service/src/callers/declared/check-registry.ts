import { type CallerId, parseCallerId } from "../caller.ts";
import { type CertificateFault, faultsOfCertificates } from "../certificates/check-certificate-rules.ts";
import { PRESET_RULES } from "../foreign/presets.ts";
import { mayOverlap, type ProofPatternFault, parseProofPattern } from "../foreign/proof-pattern.ts";
import { type CompiledRule, compileRules, placeOf } from "../workloads/workload-rules.ts";
import type { CallerEntry, CallerRegistry, IssuerEntry, WorkloadRule } from "./registry.ts";

/** What is wrong with what is declared. Places are indexes into the registry's lists; `rule` is one into `CallerEntry.workloads`. */
export type RegistryFault =
  | { readonly reason: "caller_twice"; readonly caller: CallerId }
  /** The service itself uses this id. */
  | { readonly reason: "caller_reserved"; readonly caller: CallerId }
  | { readonly reason: "secret_twice"; readonly caller: CallerId; readonly other: CallerId }
  | { readonly reason: "issuer_twice"; readonly issuer: string; readonly other: string }
  /** It is our own `iss`, or could be taken for the id of a caller. */
  | { readonly reason: "issuer_is_own" | "issuer_like_caller"; readonly issuer: string }
  | { readonly reason: "spiffe_issuer_invalid"; readonly issuer: string }
  | { readonly reason: "audience_missing" | "algorithms_missing"; readonly issuer: string }
  | ({ readonly reason: "issuer_undeclared" } & RulePointer)
  | ({
      readonly reason: "pattern_invalid";
      readonly source: string;
      readonly fault: ProofPatternFault;
    } & RulePointer)
  | ({
      readonly reason: "claim_unknown";
      readonly claim: string;
      readonly known: readonly string[];
    } & RulePointer)
  | ({ readonly reason: "claim_without_values"; readonly claim: string } & RulePointer)
  /** A CI rule names only what may be given to somebody else later. */
  | ({ readonly reason: "id_claim_missing"; readonly known: readonly string[] } & RulePointer)
  /** A token may prove two callers. */
  | ({ readonly reason: "rules_overlap"; readonly other: RulePointer } & RulePointer)
  | CertificateFault;

/** A workload rule: the caller, and its place from 0. */
export interface RulePointer {
  readonly caller: CallerId;
  readonly rule: number;
}

/** Every fault of a registry; with none, each proof finds at most one caller. `reserved`: ids that are not for declared callers. */
export function checkRegistry(
  registry: CallerRegistry,
  { ownIssuer, reserved }: { readonly ownIssuer: string; readonly reserved: readonly CallerId[] },
): readonly RegistryFault[] {
  const { callers, issuers, clientCas } = registry;
  return [
    ...faultsOfIds(callers, reserved),
    ...faultsOfSecrets(callers),
    ...issuers.flatMap((issuer, index) => faultsOfIssuer(issuer, issuers.slice(0, index), ownIssuer)),
    ...callers.flatMap((caller) =>
      caller.workloads.flatMap((rule, index) =>
        faultsOfRule(rule, issuers, { caller: caller.id, rule: index }),
      ),
    ),
    ...overlaps(callers),
    ...faultsOfCertificates(callers, clientCas),
  ];
}

function faultsOfIds(callers: readonly CallerEntry[], reserved: readonly CallerId[]): RegistryFault[] {
  const seen = new Set<CallerId>();
  return callers.flatMap(({ id }): RegistryFault[] => {
    if (reserved.includes(id)) return [{ reason: "caller_reserved", caller: id }];
    if (seen.has(id)) return [{ reason: "caller_twice", caller: id }];
    seen.add(id);
    return [];
  });
}

function faultsOfSecrets(callers: readonly CallerEntry[]): RegistryFault[] {
  const owners = new Map<string, CallerId>();
  return callers.flatMap((caller) =>
    caller.secrets.flatMap(({ id }): RegistryFault[] => {
      const other = owners.get(id);
      owners.set(id, caller.id);
      return other === undefined ? [] : [{ reason: "secret_twice", caller: caller.id, other }];
    }),
  );
}

const SPIFFE_ISSUER = /^spiffe:\/\/[a-z0-9._-]{1,255}$/;

function faultsOfIssuer(
  entry: IssuerEntry,
  earlier: readonly IssuerEntry[],
  ownIssuer: string,
): RegistryFault[] {
  const { name, issuer, preset, audience, algorithms } = entry;
  const twin = earlier.find((other) => other.issuer === issuer || other.name === name);
  const rules: readonly [boolean, RegistryFault][] = [
    [twin === undefined, { reason: "issuer_twice", issuer: name, other: twin?.name ?? name }],
    [issuer !== ownIssuer, { reason: "issuer_is_own", issuer: name }],
    [parseCallerId(issuer) === undefined, { reason: "issuer_like_caller", issuer: name }],
    [preset !== "spiffe" || SPIFFE_ISSUER.test(issuer), { reason: "spiffe_issuer_invalid", issuer: name }],
    [audience !== "", { reason: "audience_missing", issuer: name }],
    [algorithms.length > 0, { reason: "algorithms_missing", issuer: name }],
  ];
  return rules.filter(([holds]) => !holds).map(([, fault]) => fault);
}

function faultsOfRule(rule: WorkloadRule, issuers: readonly IssuerEntry[], at: RulePointer): RegistryFault[] {
  const issuer = issuers.find(({ name }) => name === rule.issuer);
  if (issuer === undefined) return [{ reason: "issuer_undeclared", ...at }];
  const { claimNames, idClaims } = PRESET_RULES[issuer.preset];
  const claims = Object.entries(rule.claims);
  const faults = [rule.subject, ...claims.flatMap(([, sources]) => sources)].flatMap(
    (source): RegistryFault[] => {
      const read = parseProofPattern(source);
      return read.kind === "invalid" ? [{ reason: "pattern_invalid", source, fault: read.fault, ...at }] : [];
    },
  );
  for (const [claim, sources] of claims) {
    if (claimNames !== "any" && !claimNames.includes(claim))
      faults.push({ reason: "claim_unknown", claim, known: claimNames, ...at });
    if (sources.length === 0) faults.push({ reason: "claim_without_values", claim, ...at });
  }
  if (idClaims.length > 0 && !namesForGood(rule, idClaims))
    faults.push({ reason: "id_claim_missing", known: idClaims, ...at });
  return faults;
}

/** Whether a rule names an id, by its exact value: in a claim, or in GitHub's subject with ids. */
function namesForGood({ subject, claims }: WorkloadRule, idClaims: readonly string[]): boolean {
  const isInClaims = idClaims.some((name) =>
    (claims[name] ?? ["*"]).every((source) => !source.includes("*")),
  );
  return isInClaims || /^repo:[^/@:*]+@[0-9]+\//.test(subject);
}

/** Each pair of rules of different callers that one token may meet. Rules that ask for different values of one claim are never compared. */
function overlaps(callers: readonly CallerEntry[]): RegistryFault[] {
  const rules = callers.flatMap((caller) =>
    compileRules(caller).map((compiled, rule) => ({ compiled, at: { caller: caller.id, rule } })),
  );
  const placed = new PlacedRules();
  return rules.flatMap((one): RegistryFault[] => {
    const other = placed.rivalsOf(one.compiled).find((rival) => overlap(one.compiled, rival.compiled));
    placed.add(one);
    return other === undefined ? [] : [{ reason: "rules_overlap", ...one.at, other: other.at }];
  });
}

interface PlacedRule {
  readonly compiled: CompiledRule;
  readonly at: RulePointer;
}

/** Rules by issuer and by where they are found, so that 10,000 rules of one claim are not compared in pairs. */
class PlacedRules {
  readonly #buckets = new Map<string, Map<string, PlacedRule[]>>();

  add(rule: PlacedRule): void {
    const bucket = bucketOf(rule.compiled);
    const values = this.#buckets.get(bucket) ?? new Map<string, PlacedRule[]>();
    this.#buckets.set(bucket, values);
    for (const value of valuesOf(rule.compiled)) values.set(value, [...(values.get(value) ?? []), rule]);
  }

  /** Rules that were added and may overlap with this one: of its bucket those of the same value, and all of other buckets of its issuer. */
  rivalsOf(rule: CompiledRule): readonly PlacedRule[] {
    const own = bucketOf(rule);
    return [...this.#buckets].flatMap(([bucket, values]) => {
      if (bucket === own) return valuesOf(rule).flatMap((value) => values.get(value) ?? []);
      return bucket.startsWith(`${rule.rule.issuer} `) ? [...values.values()].flat() : [];
    });
  }
}

function bucketOf(rule: CompiledRule): string {
  const place = placeOf(rule);
  return `${rule.rule.issuer} ${place.kind} ${place.kind === "claim" ? place.name : ""}`;
}

function valuesOf(rule: CompiledRule): readonly string[] {
  const place = placeOf(rule);
  if (place.kind === "claim") return [...new Set(place.values)];
  return [place.kind === "subject" ? place.subject : ""];
}

/** Whether one token may meet both rules. Not found here: a token whose claim is a list with values of both; it is rejected when it comes. */
function overlap(one: CompiledRule, other: CompiledRule): boolean {
  if (one.caller === other.caller) return false;
  const [a, b] = [one.subject.source, other.subject.source];
  // GitHub's subjects name a repository with ids or without, and a rule meets both.
  const isSpelledApart = a.includes("@") !== b.includes("@");
  const subjectOf = (source: string): string => (isSpelledApart ? source.replace(/@[^/:]*/g, "") : source);
  if (!mayOverlap(subjectOf(a), subjectOf(b))) return false;
  return one.claims.every((claim) => {
    const twin = other.claims.find(({ name }) => name === claim.name);
    return twin === undefined || mayShareValue(claim.patterns, twin.patterns);
  });
}

function mayShareValue(
  ones: readonly { readonly source: string }[],
  others: readonly { readonly source: string }[],
): boolean {
  return ones.some((one) => others.some((other) => mayOverlap(one.source, other.source)));
}

import type { CallerId } from "../caller.ts";
import type { CallerEntry, CertificateRule, ClientCaEntry } from "../declared/registry.ts";
import { mayOverlap, type ProofPatternFault, parseProofPattern } from "../foreign/proof-pattern.ts";
import { comparedForm, compileCertificateRules } from "./certificate-rules.ts";
import { type ClientCaFault, faultOfClientCa } from "./client-ca.ts";

/** What is wrong with the client CAs and the rules for certificates that are declared. */
export type CertificateFault =
  | { readonly reason: "client_ca_invalid"; readonly clientCa: string; readonly fault: ClientCaFault }
  | ({ readonly reason: "client_ca_undeclared"; readonly ca: string } & CertificatePointer)
  | ({
      readonly reason: "certificate_name_invalid";
      readonly source: string;
      readonly fault: ProofPatternFault | "subject_malformed";
    } & CertificatePointer)
  /** A certificate may prove two callers. */
  | ({ readonly reason: "certificate_rules_overlap"; readonly other: CallerId } & CertificatePointer);

/** A rule for certificates: the caller, and its place from 0 in `CallerEntry.certificates`. */
export interface CertificatePointer {
  readonly caller: CallerId;
  readonly certificate: number;
}

/** Every fault; with none, a certificate with one name proves at most one caller. One with names of two callers is rejected when it comes. */
export function faultsOfCertificates(
  callers: readonly CallerEntry[],
  clientCas: readonly ClientCaEntry[],
): readonly CertificateFault[] {
  const declared = new Set(clientCas.map(({ name }) => name));
  return [
    ...clientCas.flatMap((entry): CertificateFault[] => {
      const fault = faultOfClientCa(entry);
      return fault === undefined ? [] : [{ reason: "client_ca_invalid", clientCa: entry.name, fault }];
    }),
    ...callers.flatMap(({ id, certificates }) =>
      certificates.flatMap((rule, index) => faultsOfRule(rule, declared, { caller: id, certificate: index })),
    ),
    ...overlaps(callers),
  ];
}

/** Attributes and their values (RFC 4514 section 3). Which types there are is not checked. */
const SUBJECT = /^[A-Za-z0-9.]+=(?:[^,+\\]|\\.)+(?:[,+][A-Za-z0-9.]+=(?:[^,+\\]|\\.)+)*$/;

function faultsOfRule(
  { ca, of, name }: CertificateRule,
  declared: ReadonlySet<string>,
  at: CertificatePointer,
): readonly CertificateFault[] {
  const faults: CertificateFault[] = declared.has(ca) ? [] : [{ reason: "client_ca_undeclared", ca, ...at }];
  const fault = of === "subject" ? faultOfSubject(name) : faultOfPattern(comparedForm(of, name));
  if (fault !== undefined) faults.push({ reason: "certificate_name_invalid", source: name, fault, ...at });
  return faults;
}

function faultOfPattern(source: string): ProofPatternFault | undefined {
  const read = parseProofPattern(source);
  return read.kind === "invalid" ? read.fault : undefined;
}

function faultOfSubject(name: string): "subject_malformed" | undefined {
  return SUBJECT.test(name) ? undefined : "subject_malformed";
}

/** Each rule that a certificate may meet together with one of another caller, with the first such caller. */
function overlaps(callers: readonly CallerEntry[]): readonly CertificateFault[] {
  const { all, exact, patterns } = compileCertificateRules(callers);
  const twins = [...exact.values()].flatMap(([first, ...others]) =>
    others.flatMap((rule) => (first === undefined ? [] : [[rule, first] as const])),
  );
  const crossed = patterns.flatMap((pattern) =>
    all.flatMap((rule) => {
      const isRival =
        rule.rule.ca === pattern.rule.ca &&
        rule.rule.of === pattern.rule.of &&
        mayOverlap(rule.name.source, pattern.name.source);
      return isRival ? [[pattern, rule] as const] : [];
    }),
  );
  const faults = new Map<CertificateRule, CertificateFault>();
  for (const [one, other] of [...twins, ...crossed]) {
    if (one.caller === other.caller || faults.has(one.rule)) continue;
    const certificate = callers.find(({ id }) => id === one.caller)?.certificates.indexOf(one.rule) ?? 0;
    faults.set(one.rule, {
      reason: "certificate_rules_overlap",
      caller: one.caller,
      certificate,
      other: other.caller,
    });
  }
  return [...faults.values()];
}

import type { Clock } from "../../kernel/clock.ts";
import type { CallerEntry } from "../declared/registry.ts";
import type { CallerDirectory } from "../directory.ts";
import type { ProofExplanation, RuleTrial } from "../explain/explanation.ts";
import type { ProofCheck } from "../proved.ts";
import { certificatesIn } from "./certificate-facts.ts";
import { isMet, namesOf } from "./certificate-rules.ts";
import { type CertificateReading, claimsOf, readingOf, whoIs } from "./check-certificate.ts";

type CertificateExplanation = Pick<ProofExplanation, "issuer" | "certificate" | "facts" | "rules"> & {
  readonly caller: CallerEntry | undefined;
  readonly checks: readonly ProofCheck[];
};

/** Which caller a certificate would be, check by check and rule by rule. `pem`: that of the client first, then its intermediates. */
export function explainCertificate(
  { directory, clock }: { readonly directory: CallerDirectory; readonly clock: Clock },
  pem: string,
): CertificateExplanation {
  const chain = certificatesIn(pem) ?? [];
  const read = readingOf(directory.clientCas, chain, clock.now());
  const { leaf, authorities } = read;
  const who = whoIs(directory, read);
  const caller = who.kind === "caller" ? directory.callers.get(who.caller) : undefined;
  const rules: ProofCheck = { check: "rules", fault: who.kind === "nobody" ? who.reason : undefined };
  return {
    caller,
    // Without a client CA there are no rules to meet.
    checks: authorities.length === 0 ? read.checks : [...read.checks, rules],
    issuer: authorities.length === 0 ? undefined : authorities.join(", "),
    certificate: leaf,
    facts: leaf && { subjects: [leaf.subject.text], claims: claimsOf(leaf) },
    rules: trialsOf(directory, read),
  };
}

function trialsOf(
  { certificateRules }: CallerDirectory,
  { leaf, authorities }: CertificateReading,
): readonly RuleTrial[] {
  if (leaf === undefined) return [];
  const names = namesOf(leaf);
  return certificateRules.all.map((compiled) => {
    const { caller, rule } = compiled;
    const isRuleMet = isMet(compiled, authorities, names);
    return {
      caller,
      subject: {
        of: rule.of,
        pattern: rule.name,
        isMet: names[rule.of].some((text) => compiled.name.matches(text)),
      },
      clientCa: { name: rule.ca, isMet: authorities.includes(rule.ca) },
      claims: [],
      isMet: isRuleMet,
    };
  });
}

import type { ProofExplanation, RuleTrial } from "../../callers/explain/explanation.ts";
import { shown } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { utc } from "../terminal/time.ts";
import { authReasonText, PROOF_NAMES } from "../words/auth-words.ts";

/** What a proof is worth, in columns: the verdict, the checks, what the token says, and each rule. Nothing of the secret or the signature. */
export function checkText(explanation: ProofExplanation): string {
  const { checks, reason, caller, proof } = explanation;
  const what = proof === undefined ? "" : ` by ${PROOF_NAMES[proof]}`;
  const verdict =
    reason === undefined
      ? `accepted: the caller ${caller ?? "?"}${what}`
      : `rejected (${reason})${caller === undefined ? "" : `: it would be the caller ${caller}`}`;
  const rows = checks.map(({ check, fault }) => [
    fault === undefined ? "ok" : "fail",
    check,
    fault === undefined ? "" : authReasonText(fault),
  ]);
  return `${verdict}\n\n${table(rows)}${tokenText(explanation)}${certificateText(explanation)}${rulesText(explanation.rules)}`;
}

function tokenText({ token, issuer, facts }: ProofExplanation): string {
  if (token === undefined) return "";
  const { header, claims } = token;
  const rows: (readonly [string, string | undefined])[] = [
    ["issuer", issuer === undefined ? claims.iss : `${claims.iss ?? ""} (${issuer})`],
    ["subject", claims.sub],
    ["audience", claims.audiences.join(", ")],
    ["issued", momentText(claims.iat)],
    ["expires", momentText(claims.exp)],
    ["alg", header.alg],
    ["kid", header.kid],
    ...claimRows(facts),
  ];
  return `\n${table(shownRows(rows))}`;
}

function certificateText({ certificate, issuer, facts }: ProofExplanation): string {
  if (certificate === undefined) return "";
  const { uris, dnsNames, subject, serial, notBefore, notAfter } = certificate;
  const rows: (readonly [string, string | undefined])[] = [
    ["client ca", issuer],
    ...uris.map((uri) => ["uri", uri] as const),
    ...dnsNames.map((name) => ["dns", name] as const),
    ["subject", subject.text === "" ? undefined : subject.text],
    ["serial", serial],
    ["valid from", momentText(notBefore)],
    ["expires", momentText(notAfter)],
    ...claimRows(facts),
  ];
  return `\n${table(shownRows(rows))}`;
}

function claimRows(facts: ProofExplanation["facts"]): (readonly [string, string])[] {
  return Object.entries(facts?.claims ?? {}).map(([name, value]) => [
    `claims.${name}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
}

function shownRows(rows: readonly (readonly [string, string | undefined])[]): string[][] {
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[shown(name), shown(value, 512)]]));
}

function momentText(seconds: number | undefined): string | undefined {
  const isDate = seconds !== undefined && Math.abs(seconds) < 8.64e12;
  return isDate ? utc(seconds) : seconds === undefined ? undefined : String(seconds);
}

function rulesText(rules: readonly RuleTrial[]): string {
  if (rules.length === 0) return "";
  const rows = rules.flatMap(({ caller, subject, clientCa, claims, isMet }) => [
    [caller, isMet ? "met" : "not met", subject.of, shown(subject.pattern), metText(subject.isMet)],
    ...(clientCa === undefined ? [] : [["", "", "ca", clientCa.name, metText(clientCa.isMet)]]),
    ...claims.map((claim) => [
      "",
      "",
      `claims.${shown(claim.name)}`,
      claim.patterns.map((pattern) => shown(pattern)).join(" | "),
      claim.value === undefined ? "not in the token" : metText(claim.isMet),
    ]),
  ]);
  return `\n${table([["CALLER", "RULE", "OF", "PATTERN", ""], ...rows])}`;
}

function metText(isMet: boolean): string {
  return isMet ? "matches" : "does not match";
}

/** The same for a program. */
export function checkDocument({
  checks,
  reason,
  caller,
  proof,
  issuer,
  token,
  certificate,
  facts,
  rules,
}: ProofExplanation): object {
  return {
    accepted: reason === undefined,
    caller: caller ?? null,
    proof: proof ?? null,
    reason: reason ?? null,
    checks: checks.map(({ check, fault }) => ({ check, ok: fault === undefined, reason: fault ?? null })),
    issuer: issuer ?? null,
    token: token && {
      header: token.header,
      claims: {
        iss: token.claims.iss,
        sub: token.claims.sub,
        aud: token.claims.audiences,
        exp: token.claims.exp,
        nbf: token.claims.nbf,
        iat: token.claims.iat,
      },
    },
    certificate: certificate && certificateDocument(certificate),
    claims: facts?.claims,
    rules: rules.map(({ caller: of, subject, clientCa, claims, isMet }) => ({
      caller: of,
      met: isMet,
      [subject.of]: { pattern: subject.pattern, met: subject.isMet },
      ...(clientCa === undefined ? {} : { ca: { name: clientCa.name, met: clientCa.isMet } }),
      claims: claims.map(({ name, patterns, value, isMet: met }) => ({
        name,
        patterns,
        value: value ?? null,
        met,
      })),
    })),
  };
}

function certificateDocument({
  uris,
  dnsNames,
  subject,
  serial,
  notBefore,
  notAfter,
}: NonNullable<ProofExplanation["certificate"]>): object {
  return {
    uri: uris,
    dns: dnsNames,
    subject: subject.text,
    serial,
    not_before: utc(notBefore),
    not_after: utc(notAfter),
  };
}

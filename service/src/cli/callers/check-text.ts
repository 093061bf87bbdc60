import type { ProofExplanation, RuleTrial } from "../../callers/explain-proof.ts";
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
  return `${verdict}\n\n${table(rows)}${tokenText(explanation)}${rulesText(explanation.rules)}`;
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
    ...Object.entries(facts?.claims ?? {}).map(
      ([name, value]) =>
        [`claims.${name}`, typeof value === "string" ? value : JSON.stringify(value)] as const,
    ),
  ];
  const given = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [[shown(name), shown(value, 256)]],
  );
  return `\n${table(given)}`;
}

function momentText(seconds: number | undefined): string | undefined {
  const isDate = seconds !== undefined && Math.abs(seconds) < 8.64e12;
  return isDate ? utc(seconds) : seconds === undefined ? undefined : String(seconds);
}

function rulesText(rules: readonly RuleTrial[]): string {
  if (rules.length === 0) return "";
  const rows = rules.flatMap(({ caller, subject, claims, isMet }) => [
    [caller, isMet ? "met" : "not met", "subject", shown(subject.pattern), metText(subject.isMet)],
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
    claims: facts?.claims,
    rules: rules.map(({ caller: of, subject, claims, isMet }) => ({
      caller: of,
      met: isMet,
      subject: { pattern: subject.pattern, met: subject.isMet },
      claims: claims.map(({ name, patterns, value, isMet: met }) => ({
        name,
        patterns,
        value: value ?? null,
        met,
      })),
    })),
  };
}

import { table } from "../terminal/table.ts";
import { type Finding, isAccepted } from "./finding.ts";
import type { ScopesReading } from "./judge-scopes.ts";
import type { JsonObject } from "./read-token.ts";

/** All that is known of a token. `claims` and `scopes` are there when it could be read. */
export interface TokenReport {
  readonly findings: readonly Finding[];
  readonly claims?: JsonObject;
  readonly scopes?: ScopesReading;
}

/** Whether the runtime would accept the token. */
export function accepts({ findings, scopes }: TokenReport): boolean {
  return isAccepted(findings) && (scopes === undefined || isAccepted([scopes]));
}

/** The report in columns, with the verdict as its last line. */
export function asText(report: TokenReport): string {
  const { findings, scopes } = report;
  const rows = [...findings, ...(scopes === undefined ? [] : [{ about: "scopes", ...scopes }])];
  return [
    table(rows.map(({ verdict, about, text }) => [verdict.padEnd(VERDICT_WIDTH), about, text])),
    scopes === undefined ? "" : fieldsOf(scopes),
    `\n${accepts(report) ? "the runtime accepts this token" : "the runtime rejects this token"}\n`,
  ].join("");
}

/** The report for a program. */
export function asDocument(report: TokenReport): object {
  return { accepted: accepts(report), ...report };
}

const VERDICT_WIDTH = "rejected".length;

function fieldsOf({ fields, ignored }: ScopesReading): string {
  if (fields.length === 0) return "";
  const rows = fields.map(({ verdict, field, given, meaning }) => [
    verdict.padEnd(VERDICT_WIDTH),
    field,
    given,
    meaning,
  ]);
  const rest = ignored.length === 0 ? "" : `ignored by the runtime: ${ignored.join(", ")}\n`;
  return `\n${table(rows)}${rest}`;
}

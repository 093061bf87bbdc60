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
  const lines = table(rows.map(({ verdict, about, text }) => [verdict, about, text]));
  if (scopes !== undefined && scopes.fields.length > 0) {
    lines.push(
      "",
      ...table(scopes.fields.map(({ verdict, field, given, meaning }) => [verdict, field, given, meaning])),
    );
    if (scopes.ignored.length > 0) lines.push(`ignored by the runtime: ${scopes.ignored.join(", ")}`);
  }
  return `${lines.join("\n")}\n\n${accepts(report) ? "the runtime accepts this token" : "the runtime refuses this token"}\n`;
}

/** The report for a program. */
export function asDocument(report: TokenReport): object {
  return { accepted: accepts(report), ...report };
}

const VERDICT_WIDTH = "refused".length;

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [VERDICT_WIDTH],
  );
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("  "),
  );
}

import type { Paint, Style } from "../terminal/colour.ts";
import { harmlessLine } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import type { Finding, Grade } from "./finding.ts";

const GRADES = ["ok", "warn", "fail", "skip"] as const satisfies readonly Grade[];
const STYLES: Readonly<Record<Grade, Style>> = { ok: "green", warn: "yellow", fail: "red", skip: "dim" };

/** One line for each finding, in columns, and a line that counts them. */
export function asTable(findings: readonly Finding[], paint: Paint): string {
  const rows = findings.map(({ grade, check, found, fix }) => [
    paint(STYLES[grade], grade),
    check,
    harmlessLine(fix === undefined ? found : `${found}; ${fix}`),
  ]);
  const counts = GRADES.map((grade) => `${String(count(findings, grade))} ${grade}`).join(", ");
  return `${table(rows)}\n${counts}\n`;
}

/** The same for a program; `ok` is false when any check failed. */
export function asDocument(findings: readonly Finding[]): {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
} {
  return { ok: count(findings, "fail") === 0, findings };
}

function count(findings: readonly Finding[], grade: Grade): number {
  return findings.filter((finding) => finding.grade === grade).length;
}

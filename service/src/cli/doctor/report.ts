import { printable } from "../../kernel/printable.ts";
import type { Finding, Grade } from "./finding.ts";

const GRADES = ["ok", "warn", "fail", "skip"] as const satisfies readonly Grade[];
/** SGR codes: green, yellow, red, faint. */
const COLOURS: Readonly<Record<Grade, number>> = { ok: 32, warn: 33, fail: 31, skip: 2 };

/** Whether the colours of the table are for a terminal that shows them. */
export type Paint = "plain" | "coloured";

/** One line for each finding, in columns, and a line that counts them. */
export function asTable(findings: readonly Finding[], paint: Paint): string {
  const checkWidth = Math.max(0, ...findings.map(({ check }) => check.length));
  const lines = findings.map(({ grade, check, found, fix }) => {
    const line = fix === undefined ? found : `${found}; ${fix}`;
    return `${painted(grade, paint)}  ${check.padEnd(checkWidth)}  ${printableOnce(line)}\n`;
  });
  const counts = GRADES.map((grade) => `${String(count(findings, grade))} ${grade}`).join(", ");
  return `${lines.join("")}\n${counts}\n`;
}

/** The same for a program; `ok` is false when any check failed. */
export function asDocument(findings: readonly Finding[]): {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
} {
  return { ok: count(findings, "fail") === 0, findings };
}

/** An escape as `printable` writes it. */
const ESCAPE = /(\\u\{[0-9a-f]+\})/;

/** The text made harmless to a terminal. Faults of the settings and paths come in printable: their escapes are left as they are. */
function printableOnce(text: string): string {
  return text
    .split(ESCAPE)
    .map((part, index) => (index % 2 === 1 ? part : printable(part)))
    .join("");
}

function painted(grade: Grade, paint: Paint): string {
  const cell = grade.padEnd(4);
  return paint === "coloured" ? `\u001b[${String(COLOURS[grade])}m${cell}\u001b[0m` : cell;
}

function count(findings: readonly Finding[], grade: Grade): number {
  return findings.filter((finding) => finding.grade === grade).length;
}

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AUTH_REASONS } from "../callers/rejection.ts";
import { REJECTION_REASONS } from "../policy/decide.ts";

const page = readFileSync(new URL("../../../docs/rejections.md", import.meta.url), "utf8");

/** The rows of a section whose first cell is a code, each as its cells. */
function rowsOf(section: string): readonly (readonly string[])[] {
  const [, text = ""] = page.split(`\n## ${section}\n`);
  const [own = ""] = text.split("\n## ");
  return own
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

describe.each([
  ["No caller", AUTH_REASONS],
  ["Not allowed by the policy", REJECTION_REASONS],
] as const)("docs/rejections.md, %s", (section, reasons) => {
  test("has one row for each reason, in their order, and no row for anything else", () => {
    expect(rowsOf(section).map(([reason]) => reason)).toEqual(reasons.map((reason) => `\`${reason}\``));
  });

  test("says of each what it means and how to fix it, and shows the line of the log", () => {
    for (const row of rowsOf(section)) {
      expect(row).toHaveLength(3);
      for (const cell of row) expect(cell, row[0]).not.toBe("");
    }
    const [line = ""] = /^\{"event":.*\}$/m.exec(page.split(`\n## ${section}\n`)[1] ?? "") ?? [];
    const { reason, decision } = JSON.parse(line) as Readonly<Record<string, string>>;
    expect(reasons).toContain(decision ?? reason);
  });
});

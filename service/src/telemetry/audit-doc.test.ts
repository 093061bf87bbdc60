import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const pageOf = (name: string): string =>
  readFileSync(new URL(`../../../docs/${name}`, import.meta.url), "utf8");
const namesIn = (cell = ""): readonly string[] =>
  [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name = ""]) => name);
const cellsOf = (line: string): readonly string[] => line.split(" | ");

/** The fields of each event, as docs/operations.md has them. */
const logged = new Map(
  pageOf("operations.md")
    .split("\n")
    .filter((line) => /^\| `[a-z_]+`(?:, `[a-z_]+`)* \| (?:debug|info|warn|error)/.test(line))
    .flatMap((line) => namesIn(cellsOf(line)[0]).map((event) => [event, namesIn(cellsOf(line)[2])] as const)),
);
const rows = pageOf("audit-events.md")
  .split("\n")
  .filter((line) => line.startsWith("| `"));
const events = rows.filter((line) => cellsOf(line).length === 5);
const fields = new Set(
  rows.filter((line) => cellsOf(line).length === 3).flatMap((line) => namesIn(cellsOf(line)[0])),
);

test("docs/audit-events.md has the fields of each audit event, and a common name for each field", () => {
  expect(events.length).toBeGreaterThan(10);
  for (const line of events) {
    const [event = ""] = namesIn(cellsOf(line)[0]);
    expect([event, namesIn(cellsOf(line)[4])]).toEqual([event, logged.get(event)]);
    expect([event, namesIn(cellsOf(line)[4]).filter((field) => !fields.has(field))]).toEqual([event, []]);
  }
});

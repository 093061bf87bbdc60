import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Environment } from "./environment.ts";

const page = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");

/** The rows of the tables whose first column is headed "Variable", each row as its cells. */
const rows = page
  .split("\n\n")
  .filter((block) => block.startsWith("| Variable |"))
  .flatMap((table) => table.trim().split("\n").slice(2))
  .map((line) =>
    line
      .slice(1, -1)
      .split(" | ")
      .map((cell) => cell.trim()),
  );

test("docs/configuration.md has one row for each variable, with its default and its description, and no row for anything else", () => {
  const defaults = Environment.parse({}) as Readonly<Record<string, string | number | undefined>>;
  const known = Object.entries(Environment.shape).map(([name, schema]) => {
    const value = defaults[name];
    return [`\`${name}\``, value === undefined ? "unset" : `\`${String(value)}\``, schema.description];
  });
  const documented = rows.map(([name, preset, , description]) => [name, preset, description]);
  expect(documented.toSorted()).toEqual(known.toSorted());
});

test("each row says what is refused at start", () => {
  for (const cells of rows) {
    expect(cells, cells[0]).toHaveLength(5);
    expect(cells[4], cells[0]).toBeTruthy();
  }
});

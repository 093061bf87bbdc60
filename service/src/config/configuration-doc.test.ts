import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { z } from "zod";
import { VARIABLES } from "./environment.ts";
import { Written } from "./settings.ts";

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
  const defaults = Written.parse(
    Object.fromEntries(Object.keys(Written.shape).map((group) => [group, {}])),
  ) as Readonly<Record<string, Readonly<Record<string, string | number | undefined>>>>;
  const known = Object.entries(Written.shape).flatMap(([group, { shape }]) =>
    Object.entries(shape).map(([name, schema]: [string, z.ZodType]) => {
      const value = defaults[group]?.[name];
      const variable = (VARIABLES as Readonly<Record<string, string>>)[`${group}.${name}`];
      return [
        `\`${String(variable)}\``,
        value === undefined ? "unset" : `\`${String(value)}\``,
        schema.description,
      ];
    }),
  );
  const documented = rows.map(([name, preset, , description]) => [name, preset, description]);
  expect(documented.toSorted()).toEqual(known.toSorted());
});

test("each row says what is rejected at start", () => {
  for (const cells of rows) {
    expect(cells, cells[0]).toHaveLength(5);
    expect(cells[4], cells[0]).toBeTruthy();
  }
});

import { expect, test } from "vitest";
import { z } from "zod";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import { parseRows, Whole } from "./database.ts";

const read = (value: unknown) => parseRows(z.object({ value: Whole }), "t", [{ value }])[0]?.value;

test.each([[7], [7n], ["7"], ["7.000"]])(
  "the whole number %o is read by its value, whatever its type",
  (value) => {
    expect(read(value)).toBe(7);
  },
);

test("the largest number that this program can hold is read, and no larger one, which would become another number", () => {
  for (const value of [2 ** 53 - 1, 2n ** 53n - 1n, "9007199254740991", "-9007199254740991"])
    expect(Math.abs(read(value) ?? 0)).toBe(Number.MAX_SAFE_INTEGER);
  for (const value of [2 ** 53, 2n ** 53n, "9007199254740992", "9007199254740993", "-9007199254740992"])
    expect(() => read(value)).toThrow(StoreCorrupt);
});

test.each([
  ["text that is not a number", "x"],
  ["", ""],
  ["a fraction", "1.5"],
  ["another notation", "1e3"],
  ["hexadecimal", "0x10"],
  ["true", true],
  ["null", null],
])("%s is no whole number", (_what, value) => {
  expect(() => read(value)).toThrow(new StoreCorrupt({ what: "row_unreadable", table: "t" }));
});

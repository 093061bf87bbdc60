import { expect, test } from "vitest";
import { paintFor } from "./colour.ts";
import { table } from "./table.ts";
import type { World } from "./world.ts";

test("each column is as wide as its widest cell, and no line ends in spaces", () => {
  expect(
    table(
      [
        ["KID", "ALG", ""],
        ["a", "RS256", "x"],
        ["longer", "ES256"],
      ],
      "  ",
    ),
  ).toBe("  KID     ALG\n  a       RS256  x\n  longer  ES256\n");
});

test("no rows are no text", () => {
  expect(table([])).toBe("");
});

const world = (stdoutIsTerminal: boolean, environment = {}) => ({ stdoutIsTerminal, environment }) as World;

test("a colour is on a terminal only, gives way to NO_COLOR, and keeps the columns", () => {
  const red = paintFor(world(true))("red", "fail");
  expect(red).toBe("\u001b[31mfail\u001b[39m");
  expect(
    table([
      [red, "x"],
      ["longest", "y"],
    ]),
  ).toBe(`${red}     x\nlongest  y\n`);
  for (const plain of [world(false), world(true, { NO_COLOR: "1" })])
    expect(paintFor(plain)("red", "fail")).toBe("fail");
});

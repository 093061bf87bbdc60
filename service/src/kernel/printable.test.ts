import { expect, test } from "vitest";
import { printable } from "./printable.ts";

test.each([
  ["a line break", "a\r\nb", "a\\u{d}\\u{a}b"],
  ["a terminal's escape", "\u001b[2J", "\\u{1b}[2J"],
  ["a C1 control", "\u009b2J", "\\u{9b}2J"],
  ["a line separator", "a\u2028b\u2029", "a\\u{2028}b\\u{2029}"],
  ["half of a surrogate pair", "\ud800", "\\u{d800}"],
  [
    "what turns the reading direction",
    "\u202a\u202e\u2066\u2069\u061c",
    "\\u{202a}\\u{202e}\\u{2066}\\u{2069}\\u{61c}",
  ],
  ["what has no width", "\u200b\u200e\u200f\u2060\ufeff", "\\u{200b}\\u{200e}\\u{200f}\\u{2060}\\u{feff}"],
  ["the backslash of an escape", "\\u{1b}", "\\u{5c}u{1b}"],
])("%s is written out", (_name, text, written) => {
  expect(printable(text)).toBe(written);
});

test("what a person can read stays as it is", () => {
  for (const text of ["", "agent://planner", "Zoë & 智能体 😀", "a b\u00a0c", "עברית"])
    expect(printable(text)).toBe(text);
});

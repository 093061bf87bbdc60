import { describe, expect, test } from "vitest";
import { invisibleIn, invisibleInLines, printable, withInvisibleEscaped } from "./printable.ts";

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

describe("a character that cannot be seen", () => {
  test.each([
    ["a zero-width space", 0x20_0b],
    ["a zero-width joiner", 0x20_0d],
    ["a word joiner", 0x20_60],
    ["a byte order mark", 0xfe_ff],
    ["a soft hyphen", 0xad],
    ["a no-break space", 0xa0],
    ["a wide space", 0x30_00],
    ["a line separator", 0x20_28],
    ["a mark that turns the reading direction", 0x20_2e],
    ["a variation selector", 0xfe_0f],
    ["a tag", 0xe_00_41],
    ["a Hangul filler", 0x31_64],
    ["a blank of Braille", 0x28_00],
    ["what stands for bytes that are not UTF-8", 0xff_fd],
    ["half of a surrogate pair", 0xd8_00],
    ["a NUL", 0],
    ["a carriage return", 0x0d],
    ["a tab", 0x09],
    ["a delete", 0x7f],
  ])("such as %s is found, and written out", (_name, codePoint) => {
    const text = `ab${String.fromCodePoint(codePoint)}c`;
    expect(invisibleIn(text)).toEqual({ index: 2, codePoint });
    expect(withInvisibleEscaped(text)).toBe(`ab\\u{${codePoint.toString(16)}}c`);
  });

  test("is none of those that a person can read, and no space", () => {
    for (const text of ["", "agent://planner", " a b ", "Zoë & 智能体 😀", "עברית", "न\u093f", "e\u0301"]) {
      expect(invisibleIn(text)).toBeUndefined();
      expect(withInvisibleEscaped(text)).toBe(text);
    }
  });

  test("is no line end and no tab where several lines are meant", () => {
    expect(invisibleInLines("a\r\n\tb")).toBeUndefined();
    expect(invisibleInLines("a\n\u200b")).toEqual({ index: 2, codePoint: 0x20_0b });
  });
});

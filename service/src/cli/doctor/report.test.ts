import { expect, test } from "vitest";
import { fail, ok, skip, warn } from "./finding.ts";
import { asDocument, asTable } from "./report.ts";

const FINDINGS = [
  ok("node", "v24"),
  warn("key-age", "40 days", "rotate"),
  fail("settings", "PORT is bad"),
  skip("service", "not asked for"),
];

test("the table has one line for each finding, in columns, and counts them", () => {
  expect(asTable(FINDINGS, "plain")).toBe(
    [
      "ok    node      v24",
      "warn  key-age   40 days; rotate",
      "fail  settings  PORT is bad",
      "skip  service   not asked for",
      "",
      "1 ok, 1 warn, 1 fail, 1 skip",
      "",
    ].join("\n"),
  );
});

test("colour is on the grade alone, and keeps the columns", () => {
  const coloured = asTable(FINDINGS, "coloured");
  expect(coloured).toContain("\u001b[33mwarn\u001b[0m  key-age");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences are what is taken away
  expect(coloured.replace(/\u001b\[\d+m/g, "")).toBe(asTable(FINDINGS, "plain"));
});

test("text from outside cannot start a line or move the cursor of the table", () => {
  const table = asTable([warn("jwks-etag", 'a"\nok  forged\u001b[2J')], "plain");
  expect(table).toContain('a"\\u{a}ok  forged\\u{1b}[2J\n');
});

test("what is printable already is not escaped a second time, and a backslash of a stranger is", () => {
  const table = asTable([fail("settings", `is "\\u{9b}31m" and "\u009b31m" and "\\n"`)], "plain");
  expect(table).toContain('is "\\u{9b}31m" and "\\u{9b}31m" and "\\u{5c}n"');
});

test("the JSON document says whether all is well: warnings do not matter, failures do", () => {
  expect(asDocument(FINDINGS)).toEqual({ ok: false, findings: FINDINGS });
  expect(asDocument([warn("key-age", "40 days", "rotate")])).toMatchObject({ ok: true });
});

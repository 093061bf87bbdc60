import { expect, test } from "vitest";
import type { Paint } from "../terminal/colour.ts";
import { fail, ok, skip, warn } from "./finding.ts";
import { asDocument, asTable } from "./report.ts";

const FINDINGS = [
  ok("node", "v24"),
  warn("key-age", "40 days", "rotate"),
  fail("settings", "PORT is bad"),
  skip("service", "not asked for"),
];

const PLAIN: Paint = (_, text) => text;

test("the table has one line for each finding, in columns, and counts them", () => {
  expect(asTable(FINDINGS, PLAIN)).toBe(
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

test("each grade has its colour, and nothing else has one", () => {
  const marked = asTable(FINDINGS, (style, text) => `<${style}>${text}`);
  expect(marked.match(/<\w+>\w+/g)).toEqual(["<green>ok", "<yellow>warn", "<red>fail", "<dim>skip"]);
});

test("text from outside cannot start a line or move the cursor of the table", () => {
  const table = asTable([warn("jwks-etag", 'a"\nok  forged\u001b[2J')], PLAIN);
  expect(table).toContain('a"\\u{a}ok  forged\\u{1b}[2J\n');
});

test("what was escaped by its rule is not escaped a second time", () => {
  const text = asTable([fail("settings", `is "\\u{9b}31m" and "\u009b31m"`)], PLAIN);
  expect(text).toContain('is "\\u{9b}31m" and "\\u{9b}31m"');
});

test("the JSON document says whether all is well: warnings do not matter, failures do", () => {
  expect(asDocument(FINDINGS)).toEqual({ ok: false, findings: FINDINGS });
  expect(asDocument([warn("key-age", "40 days", "rotate")])).toMatchObject({ ok: true });
});

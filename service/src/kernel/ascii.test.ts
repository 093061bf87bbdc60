import fc from "fast-check";
import { expect, test } from "vitest";
import { asciiJson, fromAscii, toAscii } from "./ascii.ts";

const anyText = fc.string({ unit: "binary" });
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

test("any text is stored in printable ASCII and read back as it was, lone surrogates and NUL included", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(toAscii(text)).toMatch(PRINTABLE_ASCII);
      expect(fromAscii(toAscii(text))).toBe(text);
    }),
  );
  for (const text of ["\0", "\ud800", "Ã©", "100%", "%{41}", "日本語", "\u{10ffff}"])
    expect(fromAscii(toAscii(text))).toBe(text);
});

test("text of letters, digits and punctuation is stored as it is: the tables stay readable", () => {
  expect(toAscii("macp-runtime/0.13.0 (linux; x86_64)")).toBe("macp-runtime/0.13.0 (linux; x86_64)");
});

test("text that this service never wrote is read without a fault", () => {
  for (const stored of ["%{110000}", "%{}", "%{zz}", "%", "%{ffffff}"])
    expect(fromAscii(stored)).toBe(stored);
});

test("any JSON is stored in printable ASCII and means the same", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      const json = JSON.stringify(value);
      expect(asciiJson(json)).toMatch(PRINTABLE_ASCII);
      expect(JSON.parse(asciiJson(json))).toEqual(JSON.parse(json));
    }),
  );
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { parseYaml } from "./parse-yaml.ts";
import { plainJson } from "./plain-json.ts";

describe("a document that is JSON", () => {
  test("means what it means as YAML", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const json = plainJson(text);
        if (json !== undefined) expect(json).toEqual(parse(text, { uniqueKeys: false, version: "1.2" }));
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['{"a": 1e3, "b": -0, "c": 1.50, "d": 12345678901234567890, "e": 1e400}'],
    ['{"a": "\\u00e9\\n\\t\\/\\ud83d\\ude00", "b": ["true", "null", "1"], "c": [true, null, 1]}'],
    ['\n\t {"a": {},\r\n\t"b": []}\n'],
  ])("means what it means as YAML, also with %s", (text) => {
    expect(plainJson(text)).toEqual(parse(text.replaceAll("\t", " ")));
    expect(parseYaml(text)).toEqual({ kind: "parsed", value: plainJson(text) });
  });

  test.each([
    ["a name that stands twice", '{"a": 1, "a": 2}', "stands here twice"],
    ["a name that stands twice, once by an escape", '{"a": 1, "\\u0061": 2}', "stands here twice"],
    ["a name that JavaScript hides", '{"a": {"__proto__": {}}}', '"__proto__" is no name'],
    ["the same by an escape", '{"a": {"\\u005f_proto__": {}}}', '"__proto__" is no name'],
    ["a character that nobody sees", '{"a": "b\u200b"}', "cannot be seen"],
    ["more levels than any document needs", `${'{"a":'.repeat(60)}1${"}".repeat(60)}`, ""],
  ])("is read as YAML when it has %s, which says what is wrong", (_, text, fault) => {
    const read = parseYaml(text);
    expect(read.kind === "broken" && read.faults[0]?.text).toContain(fault);
  });

  test.each([
    ["version: 1"],
    ["{version: 1}"],
    ['{"version": 1} # JSON has no comments'],
    ["[1]"],
    ["1"],
    [""],
  ])("is not %s: that is YAML", (text) => {
    expect(plainJson(text)).toBeUndefined();
  });
});

import { describe, expect, it } from "vitest";
import { parseKid, parseRequestId, requestIds } from "./ids.ts";
import { systemRandom } from "./random.ts";

describe("request ids", () => {
  it("are new each time, and have the form that a caller's own must have", () => {
    const next = requestIds(systemRandom());
    const ids = Array.from({ length: 2_000 }, next);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => id.length !== 16 || parseRequestId(id) !== id)).toEqual([]);
  });

  it.each([
    ["", "empty"],
    ["a".repeat(65), "too long"],
    ["a b", "a space"],
    ["a\nb", "a line break"],
    ["a\n", "a line break at its end"],
    ["ä", "a letter beyond ASCII"],
  ])("rejects %j of a caller: %s", (text) => {
    expect(parseRequestId(text)).toBeUndefined();
  });
});

describe("a key id", () => {
  it.each(["k", "k".repeat(256), "ключ 😀", "a b", "a\\b"])("may be %j", (text) => {
    expect(parseKid(text)).toBe(text);
  });

  it.each(["", " ", "\u3000\u00a0", "k".repeat(257), "a\nb", "a\u2028b", "\ud800", "a\u009bb", "a\u200bb"])(
    "may not be %j",
    (text) => {
      expect(parseKid(text)).toBeUndefined();
    },
  );
});

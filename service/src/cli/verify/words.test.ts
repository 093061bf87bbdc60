import { expect, test } from "vitest";
import { inWords } from "./words.ts";

test.each([
  [0, "0 s"],
  [0.9, "0 s"],
  [57, "57 s"],
  [60, "1 min"],
  [252, "4 min 12 s"],
  [3_600, "1 h"],
  [3_605, "1 h"],
  [7_380, "2 h 3 min"],
  [90_000, "1 d 1 h"],
  [1e300, "more than 100 years"],
  [Number.POSITIVE_INFINITY, "more than 100 years"],
])("says %d seconds as %s", (seconds, words) => {
  expect(inWords(seconds)).toBe(words);
});

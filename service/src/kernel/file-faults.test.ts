import { expect, test } from "vitest";
import { whyUnreadable } from "./file-faults.ts";

test.each([
  ["ENOENT", /^does not exist \(ENOENT\); check the path/],
  ["ENOTDIR", /^leads through something that is not a folder \(ENOTDIR\); /],
  ["EISDIR", /^is a folder \(EISDIR\); name a file$/],
  ["ELOOP", /^leads in a circle of symbolic links \(ELOOP\); /],
  ["EACCES", /^may not be read by this user \(EACCES\); /],
  ["EIO", /^cannot be read \(EIO\); check the path and its permissions$/],
  [undefined, /^cannot be read \(unknown fault\); /],
])("a file that cannot be read with %s is explained in words, with what to do", (code, words) => {
  expect(whyUnreadable(code)).toMatch(words);
});

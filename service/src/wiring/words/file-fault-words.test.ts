import { expect, test } from "vitest";
import { FileFault } from "../../files/file-fault.ts";
import { fileFaultLine, whyUnusable } from "./file-fault-words.ts";

test.each([
  ["ENOENT", /^does not exist \(ENOENT\); check the path/],
  ["ENOTDIR", /^leads through something that is not a folder \(ENOTDIR\); /],
  ["EISDIR", /^is a folder \(EISDIR\); name a file$/],
  ["ELOOP", /^leads in a circle of symbolic links \(ELOOP\); /],
  ["EACCES", /^may not be read by this user \(EACCES\); /],
  ["EIO", /^cannot be read \(EIO\); check the path and its permissions$/],
  [undefined, /^cannot be read \(unknown fault\); /],
])("a file that cannot be read with %s is explained in words, with what to do", (code, words) => {
  expect(whyUnusable(new FileFault("unreadable", "/a", code))).toMatch(words);
});

test("a path that looks like a key is shown where it leads to something, and else not", () => {
  const path = `/keys/of production ${"2026k".repeat(8)}`;
  expect(fileFaultLine("KEY_FILE", new FileFault("too-large", path, "1 MiB"))).toBe(
    `KEY_FILE: ${path} is larger than 1 MiB; name a smaller file`,
  );
  expect(fileFaultLine("KEY_FILE", new FileFault("unreadable", path, "ENOENT"))).toMatch(
    /^KEY_FILE: \(not shown: .*\) does not exist/,
  );
});

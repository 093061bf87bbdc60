import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const page = readFileSync(`${ROOT}/docs/requirements.md`, "utf8");
const faultsPage = readFileSync(`${ROOT}/docs/faults.md`, "utf8");

/** One row: the sentence of a guarantee, and a test that shows it: its file, and its title with those of the blocks around it. */
const rows = page
  .split("\n")
  .filter((line) => /^\| [A-Z]+[0-9]+ \|/.test(line))
  .map((line) => {
    const [id = "", guarantee = "", file = "", title = "", ...more] = line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim());
    return { id, guarantee, file: file.replaceAll("`", ""), titles: title.split(" › "), more };
  });

/** One row of the page of faults: a fault, what happens, and a test that shows it. */
const faults = [
  ...faultsPage.matchAll(/^\| (?<fault>[^|]+) \| [^|]+ \| `(?<file>[^`|]+\.ts)` \| (?<title>[^|]+) \|$/gm),
].map(({ groups }) => ({
  fault: groups?.["fault"] ?? "",
  file: groups?.["file"] ?? "",
  titles: (groups?.["title"] ?? "").split(" › "),
}));

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
/** Whether the text of a test file has this title where a title stands: first in a call. */
const hasTitle = (text: string, title: string): boolean =>
  new RegExp(`\\(\\s*["']${escaped(title)}["'],`).test(text);

describe("docs/requirements.md", () => {
  test("has rows, each with a sentence, a file and a title, and each number stands for one sentence", () => {
    expect(rows.length).toBeGreaterThan(80);
    const sentences = new Map<string, string>();
    for (const { id, guarantee, file, titles, more } of rows) {
      expect([id, more]).toEqual([id, []]);
      expect([id, guarantee.length > 20, file.endsWith(".ts"), titles[0] !== ""]).toEqual([
        id,
        true,
        true,
        true,
      ]);
      expect([id, sentences.get(id) ?? guarantee]).toEqual([id, guarantee]);
      sentences.set(id, guarantee);
    }
  });

  test.each(rows)("$id is shown by a test that exists: $titles", expectTest);
});

describe("docs/faults.md", () => {
  test("has a test in each row of a table that has tests", () => {
    const lines = faultsPage.split("\n").filter((line) => /`[^`]+\.ts` \|/.test(line));
    expect(faults.length).toBe(lines.length);
    expect(faults.length).toBeGreaterThan(40);
  });

  test.each(faults)("$fault: it is shown by a test that exists: $titles", expectTest);
});

function expectTest({ file, titles }: { readonly file: string; readonly titles: readonly string[] }): void {
  expect([file, existsSync(`${ROOT}/${file}`)]).toEqual([file, true]);
  const text = readFileSync(`${ROOT}/${file}`, "utf8");
  for (const title of titles) expect([title, hasTitle(text, title)]).toEqual([title, true]);
}

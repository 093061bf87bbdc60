import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { IMPLEMENTATIONS, pinnedVersion } from "./implementations.ts";
import { blocksOfCode, PAGE, versionOnPage, withBlocks } from "./page.ts";

test("docs/interop.md shows, for each library, the very lines that are tested, and the forgeries that are tried", async () => {
  const page = await readFile(PAGE, "utf8");
  expect(page, "stale: npm run e2e:interop -- --write").toBe(withBlocks(page, blocksOfCode()));
});

test.each(IMPLEMENTATIONS)(
  "docs/interop.md has the result of the pinned version of $name",
  async (implementation) => {
    const onPage = versionOnPage(await readFile(PAGE, "utf8"), implementation.name);
    expect(onPage, "stale: npm run e2e:interop -- --write").toEqual(
      pinnedVersion(implementation) ?? expect.any(String),
    );
  },
);

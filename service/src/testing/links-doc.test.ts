import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const FOLDERS = [".", "docs", "deploy"];
const isPage = (name: string): boolean => name.endsWith(".md") && !name.includes("node_modules");

/** Every page that a reader of the repository opens. */
const pages = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: folder !== "." })
    .map((name) => join(ROOT, folder, String(name)))
    .filter(isPage),
);

/** The text without its code, in which a bracket is no link. */
const proseOf = (path: string): string =>
  readFileSync(path, "utf8")
    .replaceAll(/^ *```[\s\S]*?^ *```$/gm, "")
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ""));

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(path: string): ReadonlySet<string> {
  const titles = [...proseOf(path).matchAll(/^#{1,6} (.*)$/gm)].map(([, title = ""]) => title);
  const slugs = titles.map((title) =>
    title
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
  return new Set(
    slugs.map((slug, index) => {
      const before = slugs.slice(0, index).filter((one) => one === slug).length;
      return before === 0 ? slug : `${slug}-${String(before)}`;
    }),
  );
}

/** What is wrong with a link of a page; `undefined`: nothing, or it leads elsewhere. */
function faultOf(page: string, link: string): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? page : join(dirname(page), file);
  if (!existsSync(target)) return `${link}: no such file`;
  if (anchor === undefined || statSync(target).isDirectory() || !isPage(target)) return undefined;
  return anchorsOf(target).has(anchor) ? undefined : `${link}: no such heading`;
}

test.each(pages.map((path) => [relative(ROOT, path), path] as const))(
  "each link of %s leads to a file, and to a heading of it",
  (_name, path) => {
    const links = [...proseOf(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    expect(links.flatMap((link) => faultOf(path, link) ?? [])).toEqual([]);
  },
);

test("each test that SECURITY.md names exists", () => {
  const named = [
    ...readFileSync(join(ROOT, "SECURITY.md"), "utf8").matchAll(/`([a-z0-9/.-]+\.(?:ts|mjs|sh))`/g),
  ];
  const missing = named.map(([, file = ""]) => file).filter((file) => !existsSync(join(ROOT, file)));
  expect([missing, named.length > 50]).toEqual([[], true]);
});

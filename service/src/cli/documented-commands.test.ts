import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { macpAuth } from "./program.ts";
import type { World } from "./terminal/world.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PAGES = ["README.md", ...pagesIn("docs"), ...pagesIn("deploy/examples")];

function pagesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((name) => name.endsWith(".md"));
}

/** The calls of the command line in the shell blocks of a page, each as its words. */
function callsIn(page: string): string[][] {
  const text = readFileSync(join(ROOT, page), "utf8");
  const blocks = [...text.matchAll(/^ *```(?:sh|console)?\n([\s\S]*?)^ *```$/gm)].map(
    ([, block = ""]) => block,
  );
  const lines = blocks.flatMap((block) => block.replaceAll(/\\\n */g, "").split("\n"));
  return lines
    .flatMap((line) => {
      const inner = [...line.matchAll(/\$\(([^)]*)\)/g)].map(([, call = ""]) => call);
      return [line.replaceAll(/\$\([^)]*\)/g, "VALUE"), ...inner];
    })
    .flatMap((line) => line.replace(/\s#.*$/, "").split(/ \| | && |; /))
    .map((part) => /^\s*(?:\$ )?(?:[A-Z_]+=\S* )*(?:npx (?:--no -- )?)?macp-auth (.*)$/.exec(part)?.[1])
    .flatMap((call) => (call === undefined ? [] : [wordsOf(call)]));
}

/** The words of a call as a shell would pass them, without redirections and without the settings file, which is no option of a command. */
function wordsOf(call: string): string[] {
  const plain = call
    .replace(/ ?(?:[0-9]?>>?|<|2>&1) ?\S+| &$/g, "")
    .replaceAll(/--settings(?: |=)\S+ ?/g, "")
    .trim();
  return [...plain.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) => word.replaceAll(/['"]/g, ""));
}

function programThat(err: (text: string) => void): Command {
  const world: Pick<World, "version" | "environment" | "out" | "err"> = {
    version: "1",
    environment: {},
    out: () => undefined,
    err,
  };
  return macpAuth(world as World);
}

/** What the parser says against a call; empty: nothing. */
async function saidAgainst(words: readonly string[]): Promise<string> {
  let said = "";
  const program = programThat((text) => {
    said += text;
  });
  doNothing(program);
  await program.parseAsync(words, { from: "user" }).catch(() => undefined);
  return said;
}

/** The long names of the options of a command and of those below it. */
function optionsOf(command: Command): string[] {
  const own = command.options.flatMap(({ long }) => long ?? []);
  return [...own, ...command.commands.flatMap(optionsOf)];
}

/** Only the words of a call are read. */
function doNothing(command: Command): void {
  if (command.commands.length === 0) command.action(() => undefined);
  for (const inner of command.commands) doNothing(inner);
}

const calls = PAGES.flatMap((page) => callsIn(page).map((words) => [page, words.join(" "), words] as const));

test("the documents show calls, and a call with a wrong word is found", async () => {
  expect(calls.length).toBeGreaterThan(70);
  expect(await saidAgainst(["policy", "diff", "old.yaml", "new.yaml"])).toContain("REQUESTS");
  expect(await saidAgainst(["doctor", "--nope"])).toContain("--nope");
});

test.each(calls)(
  "%s shows a call that the command line accepts: macp-auth %s",
  async (_page, _text, words) => {
    expect(await saidAgainst(words)).toBe("");
  },
);

test.each(programThat(() => undefined).commands.map((command) => [command.name(), command] as const))(
  "docs/cli.md has each option of %s in its section",
  (name, command) => {
    const page = readFileSync(join(ROOT, "docs/cli.md"), "utf8");
    const [, section = ""] = page.split(`\n## ${name}\n`);
    const [text = ""] = section.split("\n## ");
    const forAll = ["--help", "--json"];
    const missing = optionsOf(command).filter((option) => !forAll.includes(option) && !text.includes(option));
    expect([text === "", missing]).toEqual([false, []]);
  },
);

import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { privateJwk, type SigningAlg } from "../support/signing-keys.ts";
import { Forger, tampered } from "./forgeries.ts";
import { HERE, IMPLEMENTATIONS } from "./implementations.ts";
import type { Result } from "./results.ts";
import { PHASES } from "./story.ts";

export const PAGE = join(HERE, "../../docs/interop.md");

/** The parts of docs/interop.md that are made from the code or from a run, by name. */
export type Blocks = ReadonlyMap<string, string>;

export interface Row {
  readonly name: string;
  readonly language: string;
  readonly version: string;
  readonly results: readonly Result[];
}

const ALGS: readonly SigningAlg[] = ["RS256", "ES256"];
const FENCES: Readonly<Record<string, string>> = {
  ".mjs": "js",
  ".py": "python",
  ".rs": "rust",
  ".sh": "bash",
};
const [FIRST, LAST] = ["docs/interop.md shows from here", "to here"];

/** What the page shows of each program, and the list of forgeries: made only from the code. */
export function blocksOfCode(): Blocks {
  const programs = [...IMPLEMENTATIONS.map(({ program }) => program), "python/key_set.py"];
  return new Map([
    ...programs.map((program) => [program, codeBlock(program)] as const),
    ["rejected", rejectedBlock()],
  ]);
}

/** The table of a run. */
export function blockOfResults(rows: readonly Row[]): Blocks {
  const header = [
    "| Implementation | Version | Language | RS256 accepted before, during, after | rejected | ES256 accepted before, during, after | rejected |",
    "|---|---|---|---|---|---|---|",
  ];
  const lines = rows.map(({ name, version, language, results }) =>
    line([
      name,
      version,
      language,
      ...ALGS.flatMap((alg) => cells(results.filter((one) => one.alg === alg))),
    ]),
  );
  return new Map([["results", [...header, ...lines].join("\n")]]);
}

/** The page with these parts in the place of those of the same name. Throws when the page lacks one. */
export function withBlocks(page: string, blocks: Blocks): string {
  let filled = page;
  for (const [name, text] of blocks) {
    const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
    const [before, rest] = halves(filled, start);
    const [, after] = halves(rest, end);
    filled = `${before}${start}\n${text}\n${end}${after}`;
  }
  return filled;
}

/** The version that the page's table has in the row of this implementation. */
export function versionOnPage(page: string, name: string): string | undefined {
  const row = page.split("\n").find((text) => text.startsWith(`| ${name} |`));
  return row?.split("|")[2]?.trim();
}

function halves(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark);
  if (at === -1) throw new Error(`docs/interop.md lacks the line ${mark}`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

/** Accepted in each phase, and rejected in all; a wrong answer is missing from the first figure. */
function cells(results: readonly Result[]): readonly [string, string] {
  const share = (of: readonly Result[]): string =>
    `${String(of.filter((one) => one.isRight).length)} of ${String(of.length)}`;
  const accepted = PHASES.map((phase) =>
    share(results.filter((one) => one.mustAccept && one.phase === phase)),
  );
  return [accepted.join(", "), share(results.filter((one) => !one.mustAccept))];
}

function codeBlock(program: string): string {
  const lines = readFileSync(join(HERE, program), "utf8").split("\n");
  const first = lines.findIndex((text) => text.endsWith(FIRST));
  const last = lines.findIndex((text) => text.endsWith(LAST));
  if (first === -1 || last < first)
    throw new Error(`e2e/interop/${program} does not mark what docs/interop.md shows`);
  const shown = lines
    .slice(first + 1, last)
    .join("\n")
    .trim();
  const fence = FENCES[extname(program)] ?? extname(program).slice(1);
  return `\`\`\`${fence}\n${shown}\n\`\`\``;
}

function rejectedBlock(): string {
  const [rsa, ec] = ALGS.map((alg) => {
    const forger = new Forger(alg, { ...privateJwk(alg), kid: "any" }, {});
    return [...tampered(forger.control()), ...forger.forgeries()].map(({ what }) => what);
  }) as [string[], string[]];
  const all = [...new Set([...rsa, ...ec])];
  const tokensOf = (what: string): string =>
    rsa.includes(what) && ec.includes(what) ? "both" : rsa.includes(what) ? "RS256" : "ES256";
  return [
    "| Forged token | Algorithm |",
    "|---|---|",
    ...all.map((what) => line([what, tokensOf(what)])),
  ].join("\n");
}

function line(texts: readonly string[]): string {
  return `| ${texts.join(" | ")} |`;
}

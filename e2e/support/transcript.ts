import { spawn } from "node:child_process";
import { once } from "node:events";

/** One command of a transcript and what it is expected to show. */
export interface Step {
  readonly command: string;
  readonly expected: readonly string[];
}

/**
 * Reads a transcript. `$ ` starts a command, which a shell runs; what follows is what it shows: standard output, then
 * standard error with `2> ` before each line, then `? N` when the exit code N is not 0. `# ` starts a remark, blank lines
 * between steps do not count, and a line with only `…` stands for any number of lines.
 */
export function readTranscript(text: string): readonly Step[] {
  const steps: { command: string; expected: string[] }[] = [];
  for (const line of text.split("\n")) {
    const step = steps.at(-1);
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), expected: [] });
    else if (!line.startsWith("# ")) step?.expected.push(line);
  }
  return steps.map(({ command, expected }) => ({ command, expected: withoutBlankEnd(expected) }));
}

export interface Shell {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Runs a step's command and gives what it showed, in the form of a transcript. */
export async function show(command: string, { folder, environment }: Shell): Promise<readonly string[]> {
  const child = spawn("sh", ["-c", command], {
    cwd: folder,
    env: { ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const shown = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (shown.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (shown.err += text));
  const [code] = (await once(child, "close")) as [number | null];
  return [
    ...linesOf(shown.out),
    ...linesOf(shown.err).map((line) => `2> ${line}`),
    ...(code === 0 ? [] : [`? ${String(code)}`]),
  ];
}

/** Text that differs from run to run. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  "<KID>": "[A-Za-z0-9_-]{43}",
  "<ID>": "[A-Za-z0-9_-]{22}",
  "<TOKEN>": "eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+",
  "<SECRET>": "macps_[a-z2-7]{12}_[A-Za-z0-9_-]{43}_[a-z2-7]{6}",
  "<HASH>": "hmac-sha256:[a-z2-7]{12}:[A-Za-z0-9_-]{22}:[A-Za-z0-9_-]{43}",
  "<HEX>": "[0-9a-f]{64}",
  "<BASE64URL>": "[A-Za-z0-9_-]+",
  "<TIME>": "\\d+ (?:d|h|min|s)(?: \\d+ (?:h|min|s))?",
  "<UTC>": "\\d{4}-\\d{2}-\\d{2}T[\\d:.]+Z",
  "<N>": "\\d+",
};

/** What was shown, with the expected line in the place of each line that it describes; equal to `expected` when all fits. */
export function asExpected(
  expected: readonly string[],
  shown: readonly string[],
  literals: Readonly<Record<string, string>>,
): readonly string[] {
  const gap = expected.indexOf("…");
  if (gap === -1) return shown.map((line, index) => described(line, expected[index], literals));
  const head = expected.slice(0, gap);
  const tail = expected.slice(gap + 1);
  if (shown.length < head.length + tail.length) return shown;
  const cut = shown.length - tail.length;
  return [
    ...asExpected(head, shown.slice(0, gap), literals),
    "…",
    ...asExpected(tail, shown.slice(cut), literals),
  ];
}

function described(
  line: string,
  expected: string | undefined,
  literals: Readonly<Record<string, string>>,
): string {
  if (expected === undefined) return line;
  const pattern = expected
    .split(/(<[A-Z0-9]+>)/)
    .map((part) => PLACEHOLDERS[part] ?? escaped(literals[part] ?? part));
  return new RegExp(`^${pattern.join("")}$`).test(line) ? expected : line;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function withoutBlankEnd(lines: readonly string[]): readonly string[] {
  const last = lines.findLastIndex((line) => line !== "");
  return lines.slice(0, last + 1);
}

import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Environment } from "./service-process.ts";

const BIN = fileURLToPath(new URL("../../service/bin/macp-auth.cjs", import.meta.url));

/** What a command ended with and printed. */
export interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs one command with nothing in its environment but PATH and what is given here. */
export function macpAuthWith(given: Environment, ...args: readonly string[]): CommandResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", ...given },
  });
  return { code: status, out: stdout, err: stderr };
}

/** Runs one command with nothing in its environment but PATH. */
export function macpAuth(...args: readonly string[]): CommandResult {
  return macpAuthWith({}, ...args);
}

/** The settings of an environment file, for a service that a test starts with variables. */
export async function settingsOf(path: string): Promise<Record<string, string>> {
  const lines = (await readFile(path, "utf8"))
    .split("\n")
    .filter((line) => /^[A-Z]/.test(line) && !line.startsWith("PORT="));
  return Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf("=")),
      line.slice(line.indexOf("=") + 1).replace(/^"|"$/g, ""),
    ]),
  );
}

import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { codeOf } from "../kernel/faults.ts";
import { couldNot, wrongCall } from "./command-end.ts";
import { shown } from "./shown.ts";
import type { World } from "./world.ts";

/**
 * Takes `--settings FILE` out of the arguments (Node keeps `--env-file` for itself, wherever it stands), wherever it stands, and gives a world whose environment has the file's settings
 * too. What the process was given wins over the file.
 */
export function withSettingsFile(
  args: readonly string[],
  world: World,
): { readonly args: readonly string[]; readonly world: World } {
  const at = args.findIndex((arg) => arg === "--settings" || arg.startsWith("--settings="));
  if (at < 0) return { args, world };
  const joined = args[at]?.includes("=");
  const path = joined ? args[at]?.slice("--settings=".length) : args[at + 1];
  if (!path) throw wrongCall("--settings needs the name of a file");
  const rest = [...args.slice(0, at), ...args.slice(at + (joined ? 1 : 2))];
  return {
    args: rest,
    world: { ...world, environment: { ...readSettingsFile(path), ...world.environment } },
  };
}

function readSettingsFile(path: string): Record<string, string | undefined> {
  try {
    return { ...parseEnv(readFileSync(path, "utf8")) };
  } catch (thrown) {
    throw couldNot(
      `${shown(path)} cannot be read (${codeOf(thrown) ?? "unknown fault"}); mend the path or its permissions`,
    );
  }
}

import { parseEnvironmentFile } from "../../config/environment-file.ts";
import { overFile } from "../../config/given.ts";
import { readSmallInput } from "../../files/small-file.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";

/**
 * Takes `--settings FILE` out of the arguments (Node keeps `--env-file` for itself, wherever it stands), wherever it stands, and gives a world whose environment has the file's settings
 * too. What the process was given wins over the file, a blank variable aside. Throws `FileFault` when the file cannot be read, and `CommandEnd` when a line of it is not understood.
 */
export async function withSettingsFile(
  args: readonly string[],
  world: World,
): Promise<{ readonly args: readonly string[]; readonly world: World }> {
  const at = args.findIndex((arg) => arg === "--settings" || arg.startsWith("--settings="));
  if (at < 0) return { args, world };
  const joined = args[at]?.includes("=");
  const path = joined ? args[at]?.slice("--settings=".length) : args[at + 1];
  if (!path) throw wrongCall("--settings needs the name of a file");
  const rest = [...args.slice(0, at), ...args.slice(at + (joined ? 1 : 2))];
  return {
    args: rest,
    world: { ...world, environment: overFile(world.environment, await readSettingsFile(path)) },
  };
}

/** A line that is not understood ends the command: what it was to set, such as HOST, would be open by default. */
async function readSettingsFile(path: string): Promise<Readonly<Record<string, string>>> {
  const text = await readSmallInput(path);
  // What a decoder writes for bytes that are not UTF-8, and what UTF-16 is full of.
  if (/[\0\uFFFD]/.test(text))
    throw couldNot(`${shown(path)} is not UTF-8 text; name a file of NAME=VALUE lines`);
  const { values, unreadLines } = parseEnvironmentFile(text);
  const [first] = unreadLines;
  if (first !== undefined)
    throw couldNot(`${shown(path)} line ${String(first)} is not NAME=VALUE; correct it`);
  return values;
}

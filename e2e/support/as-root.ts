import { execFileSync, spawnSync } from "node:child_process";

/** Words before a command that only root may use; `undefined` where this user may not become root. */
export const asRoot: readonly string[] | undefined =
  process.getuid?.() === 0 ? [] : spawnSync("sudo", ["-n", "true"]).status === 0 ? ["sudo", "-n"] : undefined;

export function runAsRoot(...words: readonly string[]): void {
  const [command = "true", ...rest] = [...(asRoot ?? []), ...words];
  execFileSync(command, rest);
}

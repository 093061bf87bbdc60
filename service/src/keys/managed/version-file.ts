import { open, rename, rm, stat } from "node:fs/promises";
import { ConfigError, codeOf } from "../../kernel/faults.ts";
import { printable } from "../../kernel/printable.ts";
import { readKeyFile } from "../given/read-key-file.ts";

const VARIABLE = "MACP_AUTH_KEY_VERSION_FILE";

/** The newest version of the key set that this replica ever saw, from its file; 0 when there is none. Throws `ConfigError`. */
export async function readVersionFile(path: string): Promise<number> {
  if (await isAbsent(path)) return 0;
  const text = (await readKeyFile(VARIABLE, path)).trim();
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new ConfigError([
    `${VARIABLE}: ${printable(path)} holds no version; restore it, or remove it to trust the store as it is`,
  ]);
}

async function isAbsent(path: string): Promise<boolean> {
  try {
    await stat(path);
    return false;
  } catch (thrown) {
    return codeOf(thrown) === "ENOENT";
  }
}

/** Remembers a version: durable, and never half-written. */
export async function writeVersionFile(path: string, version: number): Promise<void> {
  const draft = `${path}.${String(version)}.new`;
  await rm(draft, { force: true });
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(`${String(version)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

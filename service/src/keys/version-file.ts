import { open, readFile, rename, rm } from "node:fs/promises";
import { ConfigError, codeOf } from "../kernel/faults.ts";

/** The newest version of the key set that this replica ever saw, from its file; 0 when there is none. Throws `ConfigError`. */
export async function readVersionFile(path: string): Promise<number> {
  try {
    const text = (await readFile(path, "utf8")).trim();
    if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return 0;
    throw new ConfigError([
      `MACP_AUTH_KEY_VERSION_FILE: ${path} cannot be read (${codeOf(thrown) ?? "unknown fault"}); mend its permissions`,
    ]);
  }
  throw new ConfigError([
    `MACP_AUTH_KEY_VERSION_FILE: ${path} holds no version; restore it, or remove it to trust the store as it is`,
  ]);
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

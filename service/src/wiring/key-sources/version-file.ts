import { ConfigError } from "../../config/config-error.ts";
import { FileFault } from "../../files/file-fault.ts";
import { readSmallFile } from "../../files/small-file.ts";
import { printable } from "../../kernel/printable.ts";
import { fileFaultLine } from "../words/file-fault-words.ts";

/** The newest version of the key set that this replica ever saw, from its file; 0 when there is none. Throws `ConfigError` that begins with the setting's name. */
export async function readVersionFile(setting: string, path: string): Promise<number> {
  const text = await readSmallFile(path).catch((thrown: unknown) => {
    if (!(thrown instanceof FileFault)) throw thrown;
    if (thrown.code === "ENOENT") return "0";
    throw new ConfigError([fileFaultLine(setting, thrown)]);
  });
  if (/^[0-9]{1,15}$/.test(text.trim())) return Number(text);
  throw new ConfigError([
    `${setting}: ${printable(path)} holds no version; restore it, or remove it to trust the store as it is`,
  ]);
}

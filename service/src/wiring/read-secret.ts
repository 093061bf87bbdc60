import { ConfigError } from "../config/config-error.ts";
import type { SecretSource } from "../config/settings.ts";
import type { Labels } from "../config/source.ts";
import { FileFault } from "../files/file-fault.ts";
import { readSmallFile } from "../files/small-file.ts";
import { Secret } from "../kernel/secret.ts";
import { fileFaultLine } from "./words/file-fault-words.ts";

/** The secret that a setting holds or names the file of, blanks included. Throws `ConfigError` that says why the file cannot be read. */
export async function readSecret(source: SecretSource, labels: Labels): Promise<Secret> {
  return source.kind === "text"
    ? source.text
    : new Secret(await readSettingFile(labels.of(source.setting), source.path));
}

/** The text of a file that a setting names; `undefined`: a person names it in a call. Throws `ConfigError` that says why it cannot be read. */
export async function readSettingFile(setting: string | undefined, path: string): Promise<string> {
  try {
    return await readSmallFile(path);
  } catch (thrown) {
    if (thrown instanceof FileFault) throw new ConfigError([fileFaultLine(setting, thrown)]);
    throw thrown;
  }
}

import { FileFault } from "../files/file-fault.ts";
import { readSmallFile } from "../files/small-file.ts";
import { ConfigError } from "../kernel/faults.ts";
import { fileFaultLine } from "./file-fault-words.ts";

/** The text of a file that a setting names; `undefined` when no setting does. Throws `ConfigError` that says why it cannot be read. */
export async function readSettingFile(setting: string | undefined, path: string): Promise<string> {
  try {
    return await readSmallFile(path);
  } catch (thrown) {
    if (thrown instanceof FileFault) throw new ConfigError([fileFaultLine(setting, thrown)]);
    throw thrown;
  }
}

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { ConfigError, codeOf } from "../../kernel/faults.ts";
import { whyUnreadable } from "../../kernel/file-faults.ts";
import { printable, printablePath } from "../../kernel/printable.ts";

/** A key file is small; anything larger is not one. */
const KEY_FILE_BYTES_MAX = 1_048_576;

/**
 * The text of a file with a key or another secret; `variable` is the setting that names it, if one does. Throws `ConfigError` that says why it cannot be read. Regular files alone,
 * also behind symbolic links: opening a pipe without a writer would wait for ever, and a device may have no end.
 */
export async function readKeyFile(variable: string | undefined, path: string): Promise<string> {
  try {
    // Without O_NONBLOCK a pipe would hold a thread of the pool until somebody writes to it.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      if (!(await file.stat()).isFile()) throw noRegularFile(variable, path);
      return await textOf(file, placeOf(variable, printable(path)));
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (thrown instanceof ConfigError) throw thrown;
    const code = codeOf(thrown);
    // What opening a socket gives.
    if (code === "ENXIO") throw noRegularFile(variable, path);
    throw new ConfigError([`${placeOf(variable, printablePath(path))} ${whyUnreadable(code)}`]);
  }
}

/** A key file as a line names it. A path that leads to something is shown, whatever it looks like; any other may be a secret. */
function placeOf(variable: string | undefined, shownPath: string): string {
  return variable === undefined ? shownPath : `${variable}: ${shownPath}`;
}

function noRegularFile(variable: string | undefined, path: string): ConfigError {
  return new ConfigError([
    `${placeOf(variable, printable(path))} is not a regular file; name a file, not a folder, a pipe or a device`,
  ]);
}

/** All of the file, whatever size it claims: some file systems claim none, and a file may grow while it is read. */
async function textOf(file: FileHandle, place: string): Promise<string> {
  const buffer = Buffer.alloc(KEY_FILE_BYTES_MAX + 1);
  let size = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, size, buffer.length - size);
    size += bytesRead;
    if (size > KEY_FILE_BYTES_MAX)
      throw new ConfigError([
        `${place} is larger than 1 MiB, so it is not a key file; name the file of a key`,
      ]);
    if (bytesRead === 0) return buffer.toString("utf8", 0, size);
  }
}

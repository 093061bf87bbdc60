import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { ConfigError, codeOf } from "../kernel/faults.ts";
import { printablePath } from "../kernel/printable.ts";

/** A key file is small; anything larger is not one. */
const KEY_FILE_BYTES_MAX = 1_048_576;

/**
 * The text of a file with a key or another secret. Throws `ConfigError` that says why it cannot be read. Regular files alone,
 * also behind symbolic links: opening a pipe without a writer would wait for ever, and a device may have no end.
 */
export async function readKeyFile(variable: string, path: string): Promise<string> {
  try {
    // Without O_NONBLOCK a pipe would hold a thread of the pool until somebody writes to it.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      if (!(await file.stat()).isFile()) throw noRegularFile(variable, path);
      return await textOf(file, variable);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (thrown instanceof ConfigError) throw thrown;
    const code = codeOf(thrown) ?? "unknown fault";
    // What opening a socket gives.
    if (code === "ENXIO") throw noRegularFile(variable, path);
    throw new ConfigError([
      `${variable}: the file ${printablePath(path)} cannot be read (${code}); mend the path or its permissions`,
    ]);
  }
}

function noRegularFile(variable: string, path: string): ConfigError {
  return new ConfigError([
    `${variable}: ${printablePath(path)} is no regular file; name a file, and not a folder, a pipe or a device`,
  ]);
}

/** All of the file, whatever size it claims: some file systems claim none, and a file may grow while it is read. */
async function textOf(file: FileHandle, variable: string): Promise<string> {
  const buffer = Buffer.alloc(KEY_FILE_BYTES_MAX + 1);
  let size = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, size, buffer.length - size);
    size += bytesRead;
    if (size > KEY_FILE_BYTES_MAX)
      throw new ConfigError([`${variable}: the file is larger than 1 MiB and is no key file`]);
    if (bytesRead === 0) return buffer.toString("utf8", 0, size);
  }
}

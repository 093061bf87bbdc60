import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { codeOf } from "../kernel/faults.ts";
import { FileFault } from "./file-fault.ts";

const MEBIBYTE = 1_048_576;

/** Without O_NONBLOCK a pipe would hold a thread of the pool until somebody writes to it. */
export const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * The text of a file of at most 1 MiB, or as many as are given. Only regular files, also behind symbolic links: opening a pipe without a writer would wait
 * indefinitely, and a device may have no end. Throws `FileFault`.
 */
export function readSmallFile(path: string, mebibytesMax = 1): Promise<string> {
  return readFile(path, WITHOUT_WAITING, mebibytesMax, async (file) => {
    if (!(await file.stat()).isFile()) throw new FileFault("not-regular", path);
  });
}

/**
 * The text of a file that a person names in a call, at most 1 MiB. Also of a pipe, as a shell makes one of `<(command)`: the call
 * waits for what the other end writes. Throws `FileFault`.
 */
export function readSmallInput(path: string): Promise<string> {
  return readFile(path, constants.O_RDONLY | constants.O_NOCTTY, 1, () => Promise.resolve());
}

/** How many bytes a file has; 0 when that cannot be known, as while it is not there. */
export async function sizeOfFile(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function readFile(
  path: string,
  flags: number,
  mebibytesMax: number,
  insist: (file: FileHandle) => Promise<void>,
): Promise<string> {
  try {
    const file = await open(path, flags);
    try {
      await insist(file);
      return await textOf(file, path, mebibytesMax);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    const code = thrown instanceof FileFault ? undefined : codeOf(thrown);
    // What opening a socket gives.
    if (code === "ENXIO") throw new FileFault("not-regular", path);
    throw code === undefined ? thrown : new FileFault("unreadable", path, code);
  }
}

/** All of an open file, up to so many MiB, whatever size it claims: some file systems claim none, and a file may grow while it is read. Throws `FileFault`. */
export async function textOf(file: FileHandle, path: string, mebibytesMax = 1): Promise<string> {
  const bytesMax = mebibytesMax * MEBIBYTE;
  const buffer = Buffer.alloc(bytesMax + 1);
  let size = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, size, buffer.length - size);
    size += bytesRead;
    if (size > bytesMax) throw new FileFault("too-large", path, `${String(mebibytesMax)} MiB`);
    if (bytesRead === 0) return buffer.toString("utf8", 0, size);
  }
}

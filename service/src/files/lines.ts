import { constants, createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { codeOf } from "../kernel/faults.ts";
import { FileFault } from "./file-fault.ts";

const OWNER_ONLY = 0o600;
const NEWLINE = 0x0a;

/**
 * Appends a line to a file, or makes the file with mode 0600; on the disk when it resolves. A last line without an end, as a crash
 * leaves it, is ended first. Throws `FileFault`.
 */
export async function appendLine(path: string, line: string): Promise<void> {
  try {
    const flags = constants.O_APPEND | constants.O_CREAT | constants.O_RDWR | constants.O_NONBLOCK;
    const file = await open(path, flags, OWNER_ONLY);
    try {
      const status = await file.stat();
      if (!status.isFile()) throw new FileFault("not-regular", path);
      const last = Buffer.alloc(1, NEWLINE);
      if (status.size > 0) await file.read(last, 0, 1, status.size - 1);
      await file.appendFile(`${last[0] === NEWLINE ? "" : "\n"}${line}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (thrown) {
    const code = thrown instanceof FileFault ? undefined : codeOf(thrown);
    throw code === undefined ? thrown : new FileFault("unwritable", path, code);
  }
}

/** The last bytes of a file as text, at most so many; `undefined` when there is no file. Throws `FileFault`. */
export async function endOfFile(path: string, bytesMax: number): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat();
      const from = Math.max(0, size - bytesMax);
      const buffer = Buffer.alloc(size - from);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    const code = codeOf(thrown);
    if (code === "ENOENT") return undefined;
    throw new FileFault("unreadable", path, code);
  }
}

/** The lines of a file of any size, one after the other, also of a pipe. Rejects with `FileFault`. */
export async function* linesOfFile(path: string): AsyncGenerator<string> {
  const stream = createReadStream(path, { encoding: "utf8" });
  try {
    yield* createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (thrown) {
    throw new FileFault("unreadable", path, codeOf(thrown));
  } finally {
    stream.destroy();
  }
}

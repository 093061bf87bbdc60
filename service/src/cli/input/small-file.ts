import { open } from "node:fs/promises";
import { codeOf } from "../../kernel/faults.ts";
import { whyUnreadable } from "../../kernel/file-faults.ts";
import { couldNot } from "../terminal/command-end.ts";
import { shown } from "../terminal/shown.ts";

const BYTES_MAX = 1_048_576;

/** The text of a file of at most 1 MiB, whatever its kind. Throws `CommandEnd` when it cannot be read. */
export async function readSmallFile(path: string): Promise<string> {
  try {
    const file = await open(path, "r");
    try {
      // One byte more than is allowed: a device has no size that could be asked for.
      const buffer = Buffer.alloc(BYTES_MAX + 1);
      let size = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, size, buffer.length - size);
        size += bytesRead;
        if (size > BYTES_MAX) throw couldNot(`${shown(path)} is larger than 1 MiB; name a smaller file`);
        if (bytesRead === 0) return buffer.toString("utf8", 0, size);
      }
    } finally {
      await file.close();
    }
  } catch (thrown) {
    const code = codeOf(thrown);
    if (code === undefined) throw thrown;
    throw couldNot(`${shown(path)} ${whyUnreadable(code)}`);
  }
}

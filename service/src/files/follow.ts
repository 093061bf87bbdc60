import { stat } from "node:fs/promises";
import { FileFault } from "./file-fault.ts";
import { readSmallFile } from "./small-file.ts";

/** What one look at a followed file led to. */
export type Look<T> =
  | { readonly kind: "same" }
  /** The file changed, and this is what its new text was made into. */
  | { readonly kind: "read"; readonly value: T }
  /** The file changed and cannot be read: said once, and tried again at each look. */
  | { readonly kind: "unreadable"; readonly fault: FileFault };

/**
 * A function that looks at the file once and passes a new text to `read`. Meant to be called about every second. A look compares what
 * the file system says of the file behind any symbolic links, so a replaced mount, a rename and an edit are all seen; a change is
 * read only when two looks agree on it, so that a half-written file is not read. `markAtStart` is the mark of what was read before.
 */
export function fileFollower<T>(
  path: string,
  markAtStart: string,
  read: (text: string) => T,
): () => Promise<Look<T>> {
  let followed = markAtStart;
  let seen = markAtStart;
  let reported: string | undefined;
  return async () => {
    const mark = await fileMark(path);
    const settled = mark === seen;
    seen = mark;
    if (mark === followed || !settled) return { kind: "same" };
    const text = await textOrFault(path);
    if (typeof text === "string") {
      followed = mark;
      reported = undefined;
      return { kind: "read", value: read(text) };
    }
    // A file that cannot be read now may be readable at the next look, unchanged.
    if (reported === mark) return { kind: "same" };
    reported = mark;
    return { kind: "unreadable", fault: text };
  };
}

async function textOrFault(path: string): Promise<string | FileFault> {
  try {
    return await readSmallFile(path);
  } catch (thrown) {
    if (thrown instanceof FileFault) return thrown;
    throw thrown;
  }
}

/** Identity, size and times of the file: a text that differs whenever the file may have changed. Read it before the file. */
export async function fileMark(path: string): Promise<string> {
  try {
    const facts = await stat(path, { bigint: true });
    return [facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join(":");
  } catch {
    return "absent";
  }
}

import { fileMark } from "./follow.ts";

/** What was read from a group of files. */
export interface ReadOfGroup {
  /** All files that it depends on, in a fixed order. */
  readonly paths: readonly string[];
  /** It failed for a reason that may pass while the files stay as they are: it is read again after a while. */
  readonly mayPass?: boolean;
}

/** What was read, and the mark of its files: taken before they were read, so that a later change of any of them shows. */
export interface MarkedRead<Read extends ReadOfGroup> {
  readonly read: Read;
  readonly mark: string;
}

/** Which files there are is known only when they are read: a document names others. More rounds would follow one who writes all the time. */
const ROUNDS = 3;
/** No group of files has this mark: the next look reads again. */
const UNKNOWN = "";
/** After so many looks without a change, what failed for a reason that may pass is read again. */
const RETRY_LOOKS = 10;

/** Reads a group of files with its mark. `paths`: those that are known to belong to it. */
export async function readMarked<Read extends ReadOfGroup>(
  paths: readonly string[],
  readGroup: () => Promise<Read>,
): Promise<MarkedRead<Read>> {
  let marked = paths;
  for (let round = 1; ; round += 1) {
    const mark = await markOf(marked);
    const read = await readGroup();
    // It may not know all of its files, and is read again anyway.
    if (read.mayPass === true) return { read, mark: await markOf(read.paths) };
    if (read.paths.join("\0") === marked.join("\0")) return { read, mark };
    if (round === ROUNDS) return { read, mark: UNKNOWN };
    marked = read.paths;
  }
}

/**
 * A function that looks at the files once, and reads all again when one of them has changed and two looks agree, so that a
 * half-written file is not read; `undefined` when nothing has changed. What may pass is said once. Meant to be called about every second.
 */
export function groupFollower<Read extends ReadOfGroup>(
  start: MarkedRead<Read>,
  readGroup: () => Promise<Read>,
): () => Promise<Read | undefined> {
  let followed = start;
  let seen = start.mark;
  let looksSinceRead = 0;
  const read = async (): Promise<Read> => {
    followed = await readMarked(followed.read.paths, readGroup);
    seen = followed.mark;
    looksSinceRead = 0;
    return followed.read;
  };
  return async () => {
    const mark = await markOf(followed.read.paths);
    const isSettled = mark === seen;
    seen = mark;
    if (mark !== followed.mark) return isSettled ? read() : undefined;
    looksSinceRead += 1;
    if (followed.read.mayPass !== true || looksSinceRead < RETRY_LOOKS) return undefined;
    const again = await read();
    return again.mayPass === true ? undefined : again;
  };
}

async function markOf(paths: readonly string[]): Promise<string> {
  return (await Promise.all(paths.map(fileMark))).join(" ");
}

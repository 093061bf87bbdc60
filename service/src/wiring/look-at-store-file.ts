import { resolve } from "node:path";
import { type FileFacts, lookAtFile, realPathOf } from "../files/file-facts.ts";
import { readSmallFile } from "../files/small-file.ts";
import { lookAround, type Surroundings } from "../stores/sqlite/surroundings.ts";

/** A SQLite store, as the file system describes its place. Nothing is opened. */
export interface StoreFileFacts {
  /** Absolute. */
  readonly path: string;
  /** `undefined` when there is none yet. */
  readonly file: FileFacts | undefined;
  /** Those of `-wal` and `-shm` that are there. */
  readonly companions: readonly { readonly path: string; readonly mode: number }[];
  readonly around: Surroundings;
  /** What the file, or the folder where it will be, is mounted from; `undefined` where the system does not say. */
  readonly mount: Mount | undefined;
}

/** A mounted file system: where, and of which kind, as Linux names them. */
export interface Mount {
  readonly point: string;
  readonly type: string;
}

const MOUNTS = "/proc/self/mountinfo";

/** Looks at the place of a SQLite store. Never rejects. */
export async function lookAtStoreFile(path: string): Promise<StoreFileFacts> {
  const absolute = resolve(path);
  const real = await realPathOf(absolute);
  return {
    path: absolute,
    file: await lookAtFile(absolute),
    companions: await companionsOf(real),
    around: lookAround(absolute),
    mount: mountOf(await readSmallFile(MOUNTS).catch(() => ""), real),
  };
}

async function companionsOf(real: string): Promise<StoreFileFacts["companions"]> {
  const looks = [`${real}-wal`, `${real}-shm`].map(async (path) => {
    const mode = (await lookAtFile(path))?.mode;
    return mode === undefined ? [] : [{ path, mode }];
  });
  return (await Promise.all(looks)).flat();
}

/** The mount that a path without symbolic links lies on, from the text of mountinfo (proc_pid_mountinfo(5)): the deepest, and of those the last. */
export function mountOf(mountinfo: string, realPath: string): Mount | undefined {
  let found: Mount | undefined;
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const point = unescaped(left.split(" ")[4] ?? "");
    const type = right.split(" ")[0] ?? "";
    if (type === "" || !isWithin(point, realPath)) continue;
    if (found === undefined || point.length >= found.point.length) found = { point, type };
  }
  return found;
}

function isWithin(point: string, path: string): boolean {
  return point === "/" || path === point || path.startsWith(`${point}/`);
}

/** Blanks, tabs, line ends and backslashes are written in octal there. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCodePoint(Number.parseInt(octal, 8)),
  );
}

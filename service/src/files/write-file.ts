import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "../kernel/faults.ts";
import { FileFault } from "./file-fault.ts";
import { textOf, WITHOUT_WAITING } from "./small-file.ts";

const OWNER_ONLY = 0o600;
/** What the mode of a changed file may keep: its group may read, and others never. */
const MODE_KEPT = 0o640;
const FOR_OTHERS = 0o007;

/** Writes a new file with mode 0600, whatever the umask; durable when it resolves. Throws `FileFault`; then nothing was written. */
export async function createFile(path: string, text: string): Promise<void> {
  const file = await openNew(path, "exists", path);
  try {
    await fill(file, text, { mode: OWNER_ONLY });
    await settleFolder(path);
  } catch (thrown) {
    await remove(path);
    throw writeFault(path, thrown);
  }
}

/** Makes a folder with mode 0700, and those above it; one that is there stays as it is. Throws `FileFault`. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((thrown: unknown) => {
    throw writeFault(path, thrown);
  });
}

/** Puts a text in the place of a file, or makes the file, with mode 0600: durable, and never half-written. Throws `FileFault`. */
export async function replaceFile(path: string, text: string): Promise<void> {
  // Left by an earlier call that was interrupted.
  await remove(besideOf(path));
  await throughDraft(path, () => Promise.resolve({ text, mode: OWNER_ONLY }));
}

/**
 * Replaces a file's text by what `change` makes of it: durable, and a reader sees the old file or the new one, never a part. The
 * owner stays; access for users outside the file's group is removed. Two calls at once lose no change: the second one throws.
 * Throws `FileFault`, also for a symbolic link, and what `change` throws; then the file is as it was.
 */
export async function changeFile<T extends { readonly text: string }>(
  path: string,
  change: (text: string) => Promise<T>,
): Promise<{ readonly changed: T; readonly wasOpenToOthers: boolean }> {
  // Before a draft is made; under its lock the file is opened anew.
  await (await openPlain(path)).close();
  return throughDraft(path, async () => {
    const { text, mode, ...owner } = await readPlain(path);
    const changed = await change(text);
    const wasOpenToOthers = (mode & FOR_OTHERS) !== 0;
    return { text: changed.text, mode: mode & MODE_KEPT, ...owner, changed, wasOpenToOthers };
  });
}

interface Owned {
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

function besideOf(path: string): string {
  return `${path}.new`;
}

/** Writes a draft beside the file and renames it over the file. The draft is the lock as well. */
async function throughDraft<T extends Owned & { readonly text: string }>(
  path: string,
  make: () => Promise<T>,
): Promise<T> {
  const beside = besideOf(path);
  const draft = await openNew(beside, "locked", path);
  try {
    const made = await make();
    await fill(draft, made.text, made);
    await rename(beside, path);
    await settleFolder(path);
    return made;
  } catch (thrown) {
    await draft.close().catch(() => undefined);
    await remove(beside);
    throw writeFault(path, thrown);
  }
}

/** `whenThere`: what it means that there is a file already; `goal`: the file that another fault is about. */
async function openNew(path: string, whenThere: "exists" | "locked", goal: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", OWNER_ONLY);
  } catch (thrown) {
    throw codeOf(thrown) === "EEXIST" ? new FileFault(whenThere, path) : writeFault(goal, thrown);
  }
}

/** Opens a regular file that is no symbolic link. Looks at what was opened: another file, or a pipe, may take its place at any time. */
async function openPlain(path: string): Promise<FileHandle> {
  const file = await open(path, WITHOUT_WAITING | constants.O_NOFOLLOW).catch((thrown: unknown) => {
    const code = codeOf(thrown);
    if (code === "ELOOP") throw new FileFault("symbolic-link", path);
    // What opening a socket gives.
    if (code === "ENXIO") throw new FileFault("not-regular", path);
    throw new FileFault("unreadable", path, code);
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new FileFault("not-regular", path);
}

async function readPlain(path: string): Promise<Owned & { readonly text: string }> {
  const file = await openPlain(path);
  try {
    const { mode, uid, gid } = await file.stat();
    return { text: await textOf(file, path), mode, uid, gid };
  } finally {
    await file.close();
  }
}

/** Writes all of a file, gives it its owner and mode, makes it durable, and closes it. */
async function fill(file: FileHandle, text: string, { mode, uid, gid }: Owned): Promise<void> {
  try {
    if (uid !== undefined && gid !== undefined) {
      const own = await file.stat();
      if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid);
    }
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the name of a file durable. Some file systems cannot; the file itself is safe then too. */
async function settleFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r").catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

async function remove(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
}

/** A fault of the system as one of the file; any other is for the caller that threw it. */
function writeFault(path: string, thrown: unknown): unknown {
  const code = thrown instanceof FileFault ? undefined : codeOf(thrown);
  return code === undefined ? thrown : new FileFault("unwritable", path, code);
}

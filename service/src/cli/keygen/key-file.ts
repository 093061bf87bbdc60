import { constants } from "node:fs";
import { type FileHandle, lstat, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "../../kernel/faults.ts";
import type { Kid } from "../../kernel/ids.ts";
import type { Algorithm } from "../../keys/algorithm.ts";
import { type CommandEnd, couldNot } from "../terminal/command-end.ts";
import { shown } from "../terminal/shown.ts";
import { readKeySet, withNewFirst } from "./key-set.ts";
import { type KeyWish, type NewKey, newKey } from "./new-key.ts";

const OWNER_ONLY = 0o600;
/** What a key file's mode may keep: its group may read, and others never. */
const MODE_KEPT = 0o640;
const FOR_OTHERS = 0o007;
const KEY_FILE_BYTES_MAX = 1_048_576;

/**
 * Writes a new file with mode 0600, whatever the umask. Throws `CommandEnd` with the mend that is given when the path exists in
 * any form, a symbolic link to nowhere included; then nothing was written.
 */
export async function createKeyFile(path: string, text: string, mendWhenThere: string): Promise<void> {
  const file = await open(path, "wx", OWNER_ONLY).catch((thrown: unknown) => {
    if (codeOf(thrown) === "EEXIST")
      throw couldNot(`${shown(path)} exists and is never overwritten; ${mendWhenThere}`);
    throw unwritable(path, thrown);
  });
  await fill(file, text, { mode: OWNER_ONLY }).catch(async (thrown: unknown) => {
    await unlink(path).catch(() => undefined);
    throw unwritable(path, thrown);
  });
  await settleFolder(path);
}

/** What became of the file. */
export interface GrownFile {
  readonly key: NewKey;
  /** Of all its keys, the new one first. */
  readonly kids: readonly Kid[];
  /** Of the key that was first before. */
  readonly algBefore: Algorithm;
  /** Whether users outside the file's group could read it before, and no longer can. */
  readonly closedToOthers: boolean;
}

/**
 * Puts a new key first in a key file: written beside it, made durable, renamed over it, so that a reader sees the old file
 * or the new one and never a part. The file beside it is the lock as well: two calls at once cannot lose a key.
 * Throws `CommandEnd` when the file is none that the service would take, or cannot be replaced; then it is as before.
 */
export async function addKeyToFile(path: string, wish: KeyWish): Promise<GrownFile> {
  await insistOnPlainFile(path);
  const beside = `${path}.new`;
  const lock = await open(beside, "wx", OWNER_ONLY).catch((thrown: unknown) => {
    if (codeOf(thrown) === "EEXIST")
      throw couldNot(
        `${shown(beside)} exists: another keygen is at work or was cut off; wait for it, or remove the file`,
      );
    throw unwritable(path, thrown);
  });
  try {
    const { text, ...facts } = await readPlainFile(path);
    const before = readKeySet(text, shown(path));
    const key = await newKey({
      ...wish,
      alg: wish.alg ?? (wish.rsaBits === undefined ? before.alg : "RS256"),
    });
    const after = withNewFirst(before, key, shown(path));
    await fill(lock, after.text, { ...facts, mode: facts.mode & MODE_KEPT });
    await rename(beside, path);
    await settleFolder(path);
    return { key, kids: after.kids, algBefore: before.alg, closedToOthers: (facts.mode & FOR_OTHERS) !== 0 };
  } catch (thrown) {
    await lock.close().catch(() => undefined);
    await unlink(beside).catch(() => undefined);
    throw unwritable(path, thrown);
  }
}

async function insistOnPlainFile(path: string): Promise<void> {
  const facts = await lstat(path).catch((thrown: unknown) => {
    if (codeOf(thrown) === "ENOENT")
      throw couldNot(
        `${shown(path)} does not exist; check the path, or make a new file with --out ${shown(path)}`,
      );
    throw unwritable(path, thrown);
  });
  if (facts.isSymbolicLink())
    throw couldNot(`${shown(path)} is a symbolic link, which is not followed; name the file behind it`);
  if (!facts.isFile()) throw couldNot(`${shown(path)} is not a regular file; name a key file`);
}

interface FileFacts {
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

async function readPlainFile(path: string): Promise<FileFacts & { readonly text: string }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { mode, uid, gid, size } = await file.stat();
    if (size > KEY_FILE_BYTES_MAX)
      throw couldNot(`${shown(path)} is larger than 1 MiB and is no key file; name a key file`);
    return { text: await file.readFile("utf8"), mode, uid, gid };
  } finally {
    await file.close();
  }
}

/** Writes all of a file, gives it its owner and mode, makes it durable, and closes it. */
async function fill(file: FileHandle, text: string, { mode, uid, gid }: FileFacts): Promise<void> {
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

function unwritable(path: string, thrown: unknown): CommandEnd | Error {
  const code = codeOf(thrown);
  // What is no fault of the system is told by whoever threw it.
  if (code === undefined && thrown instanceof Error) return thrown;
  if (code === "EPERM") return couldNot(`${shown(path)} belongs to another user (EPERM); run as that user`);
  return couldNot(
    `${shown(path)} cannot be written (${code ?? "unknown fault"}); mend the path or the permissions of its folder`,
  );
}

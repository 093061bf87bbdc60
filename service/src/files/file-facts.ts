import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type EpochSeconds, epochSeconds } from "../kernel/clock.ts";

/** A file as the file system describes it. Symbolic links are followed. */
export interface FileFacts {
  readonly path: string;
  /** The permission bits, `0o7777` and below. */
  readonly mode: number;
  readonly ownerId: number;
  readonly modifiedAt: EpochSeconds;
  /** Every folder whose writers could put another file in this one's place: those above its name and above the file behind it. */
  readonly folders: readonly FolderFacts[];
}

export interface FolderFacts {
  readonly path: string;
  readonly mode: number;
  readonly ownerId: number;
  /** Who owns the entry of this folder that leads to the file. */
  readonly entryOwnerId: number;
}

const PERMISSION_BITS = 0o7777;

/** Looks at the file without reading it; `undefined` when that cannot be done. */
export async function lookAtFile(path: string): Promise<FileFacts | undefined> {
  try {
    const { mode, uid, mtimeMs } = await stat(path);
    return {
      path,
      mode: mode & PERMISSION_BITS,
      ownerId: uid,
      modifiedAt: epochSeconds(mtimeMs / 1000),
      folders: await foldersAbove(path),
    };
  } catch {
    return undefined;
  }
}

/** Whether there is something of that name, a symbolic link to nowhere included. */
export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Where the name leads; for a file that is not there, where its folder leads. */
export async function realPathOf(path: string): Promise<string> {
  const whole = await realpath(path).catch(() => undefined);
  return whole ?? (await realpath(dirname(path)).catch(() => path));
}

/** A folder itself; symbolic links are not followed. Rejects as the system does. */
export async function lookAtFolder(path: string): Promise<{
  readonly isFolder: boolean;
  readonly mode: number;
  readonly ownerId: number;
  readonly isEmpty: boolean;
}> {
  const facts = await lstat(path);
  const isFolder = facts.isDirectory();
  return {
    isFolder,
    mode: facts.mode & PERMISSION_BITS,
    ownerId: facts.uid,
    isEmpty: isFolder && (await readdir(path)).length === 0,
  };
}

async function foldersAbove(path: string): Promise<readonly FolderFacts[]> {
  const absolute = resolve(path);
  const named = join(await realpath(dirname(absolute)), basename(absolute));
  const entries = new Set([...lineageOf(named), ...lineageOf(await realpath(absolute))]);
  return Promise.all([...entries].map(folderOf));
}

/** The path itself and every folder above it, except the root. */
function lineageOf(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [path, ...lineageOf(above)];
}

async function folderOf(entry: string): Promise<FolderFacts> {
  const path = dirname(entry);
  const [folder, inside] = await Promise.all([stat(path), lstat(entry)]);
  return { path, mode: folder.mode & PERMISSION_BITS, ownerId: folder.uid, entryOwnerId: inside.uid };
}

import { statSync } from "node:fs";

/** One file, as the file system knows it. */
export interface FileLook {
  readonly device: bigint;
  readonly inode: bigint;
  readonly sizeBytes: bigint;
  /** How many names it has; 0 when it was removed and only a mount still shows it. */
  readonly names: bigint;
  readonly mode: bigint;
}

/** A store's three files. The second and third stand beside the file that a symbolic link leads to. */
export interface StoreFiles {
  readonly database: FileLook | undefined;
  readonly wal: FileLook | undefined;
  readonly shm: FileLook | undefined;
}

/** How the files at the path differ from those that are open. */
export type FilesFault =
  | { readonly kind: "removed" | "replaced" | "emptied" }
  | { readonly kind: "companion"; readonly suffix: Suffix; readonly how: "removed" | "replaced" };
export type Suffix = "-wal" | "-shm";

/** Where the files are: `named` is what the setting says, as an absolute path; `real` is where symbolic links lead. */
export interface StorePaths {
  readonly named: string;
  readonly real: string;
}

/** Looks at the files by name. Opens none: closing any descriptor of a file drops all of SQLite's locks on it. Throws when a folder hides them. */
export function lookAtFiles({ named, real }: StorePaths): StoreFiles {
  return { database: lookAt(named), wal: lookAt(`${real}-wal`), shm: lookAt(`${real}-shm`) };
}

function lookAt(path: string): FileLook | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const { dev: device, ino: inode, size: sizeBytes, nlink: names, mode } = found;
  return { device, inode, sizeBytes, names, mode };
}

/**
 * What happened to the files since they were opened; `undefined` when those at the path are the open ones. The database is checked
 * first: where it is gone, the others mean nothing.
 */
export function faultOfFiles(opened: StoreFiles, seen: StoreFiles): FilesFault | undefined {
  return (
    faultOfDatabase(opened, seen) ??
    faultOfCompanion("-wal", opened.wal, seen.wal) ??
    faultOfCompanion("-shm", opened.shm, seen.shm)
  );
}

function faultOfDatabase(opened: StoreFiles, seen: StoreFiles): FilesFault | undefined {
  if (seen.database === undefined || seen.database.names === 0n) return { kind: "removed" };
  if (!isSameFile(opened.database, seen.database)) return { kind: "replaced" };
  return isEmptied(seen) ? { kind: "emptied" } : undefined;
}

/** An empty database has no companions: SQLite writes its first page before it makes them. */
export function isEmptied({ database, wal, shm }: StoreFiles): boolean {
  return database?.sizeBytes === 0n && (wal !== undefined || shm !== undefined);
}

function faultOfCompanion(
  suffix: Suffix,
  opened: FileLook | undefined,
  seen: FileLook | undefined,
): FilesFault | undefined {
  if (isSameFile(opened, seen)) return undefined;
  return { kind: "companion", suffix, how: seen === undefined ? "removed" : "replaced" };
}

/** Whether both names lead to one file; also when there is none under either. */
export function isSameFile(one: FileLook | undefined, other: FileLook | undefined): boolean {
  return one?.device === other?.device && one?.inode === other?.inode;
}

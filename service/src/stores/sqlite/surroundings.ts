import { accessSync, constants, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "../../kernel/faults.ts";

/** What the file system says about a path and its folder: facts that show the cause of a failure. */
export interface Surroundings {
  readonly path: string;
  readonly folder: string;
  /** Why the file cannot be read and written: a system error code, or `EISDIR`; `undefined` when it can, or is not there. */
  readonly fileFault: string | undefined;
  /** Why files cannot be made in the folder: a system error code, or `ENOTDIR`; `undefined` when they can. */
  readonly folderFault: string | undefined;
  /** What is left for this user on the file system; `undefined` when it does not say. */
  readonly freeBytes: number | undefined;
}

/** Why a store cannot be opened or written where it is. */
export type PlaceFault =
  | { readonly kind: "folder_missing" | "folder_is_file" | "is_folder" | "read_only" | "full" }
  /** `file_open`: every user may open the file, which is no store yet; `folder_open`: every user may make files where a link leads. */
  | { readonly kind: "file_open" | "folder_open" }
  | { readonly kind: "folder_denied" | "file_denied" | "unseen"; readonly code: string };

const { R_OK, W_OK, X_OK } = constants;

/** Looks at a path and its folder. Opens nothing, writes nothing, never throws. */
export function lookAround(path: string): Surroundings {
  const folder = dirname(path);
  const missing = (code: string | undefined) => (code === "ENOENT" ? undefined : code);
  return {
    path,
    folder,
    fileFault: isFolder(path) === true ? "EISDIR" : missing(faultOf(() => accessSync(path, R_OK | W_OK))),
    folderFault: isFolder(folder) === false ? "ENOTDIR" : faultOf(() => accessSync(folder, W_OK | X_OK)),
    freeBytes: freeBytesOf(folder),
  };
}

/** The fault that explains a failure; `undefined` when the place is not the cause. The folder comes first: its faults hide the file's. */
export function faultOfPlace({ fileFault, folderFault, freeBytes }: Surroundings): PlaceFault | undefined {
  if (folderFault === "ENOENT") return { kind: "folder_missing" };
  if (folderFault === "ENOTDIR") return { kind: "folder_is_file" };
  if (fileFault === "EISDIR") return { kind: "is_folder" };
  if (folderFault === "EROFS" || fileFault === "EROFS") return { kind: "read_only" };
  if (folderFault !== undefined) return { kind: "folder_denied", code: folderFault };
  if (fileFault !== undefined) return { kind: "file_denied", code: fileFault };
  return freeBytes === 0 ? { kind: "full" } : undefined;
}

function faultOf(look: () => void): string | undefined {
  try {
    look();
    return undefined;
  } catch (thrown) {
    return codeOf(thrown) ?? "unknown fault";
  }
}

function isFolder(path: string): boolean | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory();
  } catch {
    return undefined;
  }
}

function freeBytesOf(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

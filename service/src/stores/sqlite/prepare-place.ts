import {
  chmodSync,
  closeSync,
  fchmodSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  statSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { codeOf } from "../../kernel/faults.ts";
import type { LookingEngine } from "./engine.ts";
import { SqliteFailure } from "./faults.ts";
import { type FileLook, isSameFile, lookAtFiles } from "./files.ts";
import { guarded } from "./guarded.ts";
import { holdsStore } from "./holds-store.ts";
import { faultOfPlace, lookAround, type PlaceFault } from "./surroundings.ts";

/** Bits of a mode: the rights of users who are neither the owner nor in the group. */
const OTHERS = 0o007;
const OTHERS_WRITE = 0o002;

/** What the operator should know of the files of a store that is opened all the same. `mode`: before any change. */
export type PlaceWarning =
  /** Every user may use a file. `closed`: it has mode 0600 now. `of_another`: it belongs to another user. */
  | { readonly kind: "open" | "closed" | "of_another"; readonly path: string; readonly mode: number }
  /** Its mode cannot be changed: a system error code. */
  | { readonly kind: "not_closed"; readonly path: string; readonly mode: number; readonly code: string }
  /** SQLite looks for `-wal` and `-shm` beside the name that it is opened by. */
  | { readonly kind: "hard_links"; readonly path: string; readonly names: number };

export interface PrepareDeps {
  readonly engine: LookingEngine;
  /** The user whose files may be changed; `undefined` on a system without users. */
  readonly userId: number | undefined;
}

/**
 * Makes the file where there is none, with mode 0600 whatever the umask. A store that is open to every user of the machine is closed
 * before SQLite makes `-wal` and `-shm`, to which it gives the mode of the file; any other file stays as it is. Throws
 * `SqliteFailure`.
 */
export function preparePlace({ engine, userId }: PrepareDeps, path: string): readonly PlaceWarning[] {
  const around = lookAround(path);
  const place = faultOfPlace(around);
  if (place !== undefined && place.kind !== "full") throw placeFailure(path, place);
  const { database, wal, shm } = guarded(path, () => lookAtFiles({ named: path, real: path }));
  if (database === undefined) {
    if (wal !== undefined || shm !== undefined) throw new SqliteFailure({ kind: "orphaned", path });
    makePrivateFile(path);
    return [];
  }
  return [...closedToOthers({ engine, userId }, path, database), ...warningsOfNames(path, database.names)];
}

function placeFailure(path: string, place: PlaceFault): SqliteFailure {
  return new SqliteFailure({ kind: "place", path, folder: lookAround(path).folder, place });
}

/** Never opens a file that exists: closing it again would drop the locks that SQLite holds on it in this process. */
function makePrivateFile(path: string): void {
  try {
    const file = openSync(path, "wx", 0o600);
    fchmodSync(file, 0o600);
    closeSync(file);
  } catch (thrown) {
    const code = codeOf(thrown) ?? "unknown fault";
    if (code === "EEXIST") makeBehindLink(path);
    else throw placeFailure(path, code === "ENOSPC" ? { kind: "full" } : { kind: "folder_denied", code });
  }
}

/** Another process made it first, or the name is a symbolic link to a file that does not exist yet. */
function makeBehindLink(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  const target = guarded(path, () => targetOf(path));
  const folder = statSync(dirname(target), { throwIfNoEntry: false });
  if (folder === undefined) throw placeFailure(target, { kind: "folder_missing" });
  if ((folder.mode & OTHERS_WRITE) !== 0) throw placeFailure(target, { kind: "folder_open" });
  makePrivateFile(target);
}

/** As many links as Linux follows. */
const LINKS_MAX = 40;

/** The target of a link whose file does not exist. */
function targetOf(path: string): string {
  let target = path;
  for (let links = 0; links < LINKS_MAX; links += 1) {
    if (lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return target;
    target = resolve(realpathSync(dirname(target)), readlinkSync(target));
  }
  throw placeFailure(path, { kind: "unseen", code: "ELOOP" });
}

/** A mode that gives every user access is usually the result of a copy, and becomes 0600. One that shares with a group stays. */
function closedToOthers({ engine, userId }: PrepareDeps, path: string, database: FileLook): PlaceWarning[] {
  const real = realpathSync(path);
  const open = filesOpenToOthers(real);
  if (open.length === 0) return [];
  // A wrong name must not change another file.
  if (!holdsStore(engine, path, real)) {
    if (open.includes(real)) throw placeFailure(path, { kind: "file_open" });
    return [];
  }
  const now = guarded(path, () => lookAtFiles({ named: path, real }));
  if (!isSameFile(database, now.database))
    throw new SqliteFailure({ kind: "files", path, files: { kind: "replaced" } });
  return open.flatMap((file) => closed(file, userId));
}

/** The warnings about files of a store that every user of the machine may use, where no mode may be changed. */
export function warningsOfOpenModes(path: string): readonly PlaceWarning[] {
  return filesOpenToOthers(guarded(path, () => realpathSync(path))).flatMap((file) => {
    const found = lstatSync(file, { throwIfNoEntry: false });
    return found === undefined ? [] : [{ kind: "open", path: file, mode: found.mode }];
  });
}

function filesOpenToOthers(real: string): string[] {
  return ["", "-wal", "-shm"].map((suffix) => `${real}${suffix}`).filter(isOpenToOthers);
}

function isOpenToOthers(file: string): boolean {
  const found = lstatSync(file, { throwIfNoEntry: false });
  return found?.isFile() === true && (found.mode & OTHERS) !== 0;
}

function closed(path: string, userId: number | undefined): PlaceWarning[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  // SQLite removed it meanwhile.
  if (found === undefined) return [];
  const { mode, uid } = found;
  if (uid !== userId) return [{ kind: "of_another", path, mode }];
  try {
    chmodSync(path, 0o600);
    return [{ kind: "closed", path, mode }];
  } catch (thrown) {
    return [{ kind: "not_closed", path, mode, code: codeOf(thrown) ?? "unknown fault" }];
  }
}

function warningsOfNames(path: string, names: bigint): PlaceWarning[] {
  return names > 1n ? [{ kind: "hard_links", path, names: Number(names) }] : [];
}

import { printable } from "../../kernel/printable.ts";
import { causeOf, type EngineFault, type SqliteOutage } from "../../stores/sqlite/faults.ts";
import type { FilesFault, Suffix } from "../../stores/sqlite/files.ts";
import type { PlaceWarning } from "../../stores/sqlite/prepare-place.ts";
import type { PlaceFault } from "../../stores/sqlite/surroundings.ts";

/** What is wrong, and the fix: clauses of one line. */
interface Words {
  readonly message: string;
  readonly fix: string;
}

/** What is wrong with a SQLite store, and the fix. */
export function sqliteFaultWords(fault: SqliteOutage): Words {
  switch (fault.kind) {
    case "files":
      return fault.during === undefined
        ? wordsOfFiles(fault.path, fault.files)
        : wordsOfLostCommit(fault.path, fault.files);
    case "place":
      return wordsOfPlace(fault.path, fault.folder, fault.place);
    case "engine":
      return wordsOfEngine(fault);
    case "no_engine":
      return {
        message: "this Node.js has no SQLite",
        fix: "run Node.js 22.13 or newer, or: npm install @photostructure/sqlite",
      };
    case "no_table":
      return {
        message: `a table of this service is gone from ${printable(fault.path)} (${printable(fault.table)})`,
        fix: "restore the store from a backup; for a new store name a new file",
      };
    case "worker_ended":
      return { message: "SQLite: the worker ended", fix: "it is restarted at the next try" };
    case "unshared":
      return wordsOfUnshared(printable(fault.path), fault.missing);
    default:
      return wordsOfState(fault.kind, printable(fault.path));
  }
}

function wordsOfState(kind: "orphaned" | "split" | "moved_on" | "locked" | "no_wal", path: string): Words {
  switch (kind) {
    case "moved_on":
      return {
        message: `another process changed ${path} while it was read`,
        fix: "run the command again",
      };
    case "orphaned":
      return {
        message: `${path} does not exist, but its -wal or -shm does: the file was removed or moved`,
        fix: `put the file back, or remove ${path}-wal and ${path}-shm to begin a new store`,
      };
    case "split":
      return {
        message: `another process has ${path} open, and its -wal or -shm is not there: a change made now could be lost`,
        fix: `try again in a minute, when a running service has reopened the store; otherwise restart the program that has it open (fuser -v ${path})`,
      };
    case "locked":
      return wordsOfLock(path);
    case "no_wal":
      return {
        message: `SQLite cannot keep a write-ahead log beside ${path}`,
        fix: "keep the file on a local file system",
      };
  }
}

function wordsOfUnshared(path: string, missing: Suffix): Words {
  const there: Suffix = missing === "-shm" ? "-wal" : "-shm";
  return {
    message: `${path}${there} is there without its ${missing}, so that the store cannot be read without a change`,
    fix: "try again in a minute, when a running service has reopened the store; where none runs, start the service, or: macp-auth migrate",
  };
}

function wordsOfFiles(rawPath: string, files: FilesFault): Words {
  const path = printable(rawPath);
  switch (files.kind) {
    case "removed":
      return {
        message: `${path} was removed or moved away while it was open`,
        fix: "put the same file back, which is noticed at once, or restore a backup and restart this program",
      };
    case "replaced":
      return {
        message: `${path} is another file than the one that is open: it was replaced`,
        fix: "restart this program to use the new file, or put the old one back",
      };
    case "emptied":
      return {
        message: `${path} was emptied by another program`,
        fix: `stop every program that uses it, remove ${path}-wal and ${path}-shm, restore a backup, and start again`,
      };
    case "companion":
      return {
        message: `${path}${files.suffix} was ${files.how} by another program while it was open; what it held is kept, and the store is reopened at the next try`,
        fix: `keep programs that clean up or back up away from ${path}-wal and ${path}-shm`,
      };
  }
}

function wordsOfLostCommit(path: string, files: FilesFault): Words {
  return {
    message: `${wordsOfFiles(path, files).message}; this was seen after a change was committed, so the change may not be in the store at ${printable(path)}`,
    fix: "look at the keys (macp-auth keys list) and repeat the change if it is not there",
  };
}

/** The words for a place where other users of the machine have access to the store. */
function wordsOfOpenPlace(kind: "file_open" | "folder_open", path: string, folder: string): Words {
  switch (kind) {
    case "file_open":
      return {
        message: `${path} holds no store of this service, and is open to every user of this machine`,
        fix: `name another file; or, when this one is for the store: chmod 600 ${path}`,
      };
    case "folder_open":
      return {
        message: `a symbolic link leads to ${path}, which does not exist, and every user of this machine may make files in ${folder}`,
        fix: "name a file in a folder that only this user may write",
      };
  }
}

/** The words for a place that cannot hold a store. */
export function wordsOfPlace(rawPath: string, rawFolder: string, place: PlaceFault): Words {
  const [path, folder] = [printable(rawPath), printable(rawFolder)];
  switch (place.kind) {
    case "folder_missing":
      return { message: `the folder ${folder} does not exist`, fix: `make it: mkdir -p ${folder}` };
    case "folder_is_file":
      return {
        message: `${folder} is a file or below a file, not a folder`,
        fix: "name a file in a folder",
      };
    case "is_folder":
      return { message: `${path} is a folder`, fix: `name a file in it, such as sqlite:${path}/keys.db` };
    case "read_only":
      return {
        message: `${folder} is on a file system that is mounted read-only`,
        fix: "mount it writable, or name a file elsewhere",
      };
    case "full":
      return { message: `the file system of ${path} is full`, fix: "free space on it" };
    case "folder_denied":
      return {
        message: `this user may not make files in the folder ${folder} (${place.code}), where SQLite keeps ${path}-wal and ${path}-shm`,
        fix: `give the folder to this user: chown USER ${folder} && chmod 700 ${folder}`,
      };
    case "unseen":
      return {
        message: `${path} cannot be examined (${place.code})`,
        fix: "check the permissions of the folders above it",
      };
    case "file_denied":
      return {
        message: `this user may not read and write ${path} (${place.code})`,
        fix: `give the file to this user: chown USER ${path} && chmod 600 ${path}`,
      };
    default:
      return wordsOfOpenPlace(place.kind, path, folder);
  }
}

function wordsOfLock(path: string): Words {
  return {
    message: `another process holds the lock of ${path} for too long (SQLite: database is locked)`,
    fix: `see which one has it open: fuser -v ${path}`,
  };
}

function wordsOfEngine(fault: EngineFault): Words {
  const { code, text, around } = fault;
  const path = printable(around.path);
  const cause = causeOf(fault);
  switch (cause.kind) {
    case "locked":
      return wordsOfLock(path);
    case "cut_short":
      return wordsOfCut(path);
    case "place":
      return wordsOfPlace(around.path, around.folder, cause.place);
    case "unknown":
      return {
        message: `SQLite cannot use ${path}: ${printable(text)}${code === undefined ? "" : ` (${String(code)})`}`,
        fix: "check the disk and the file system of the store; network file systems are not supported",
      };
  }
}

function wordsOfCut(path: string): Words {
  return {
    message: `${path} or ${path}-wal was cut short by another program`,
    fix: `stop every program that uses it, remove ${path}-wal and ${path}-shm, restore a backup, and start again`,
  };
}

/** A warning about a SQLite store that was opened all the same. */
export function placeWarningText(warning: PlaceWarning): string {
  const path = printable(warning.path);
  if (warning.kind === "hard_links")
    return `${path} has ${String(warning.names)} names (hard links), and SQLite keeps -wal and -shm beside the one that it is opened by; remove the other names`;
  const mode = (warning.mode & 0o7777).toString(8).padStart(4, "0");
  const fix = `run: chmod 600 ${path}`;
  if (warning.kind === "open") return `${path} has mode ${mode}, open to every user of this machine; ${fix}`;
  const had = `${path} had mode ${mode}, open to every user of this machine`;
  switch (warning.kind) {
    case "closed":
      return `${had}; it has mode 0600 now`;
    case "of_another":
      return `${had}, and belongs to another user; ${fix}`;
    case "not_closed":
      return `${had}, and this user cannot change that (${warning.code}); ${fix}`;
  }
}

import { chmodSync, closeSync, fchmodSync, openSync, realpathSync, statSync } from "node:fs";
import { codeOf } from "../../kernel/faults.ts";
import { printable } from "../../kernel/printable.ts";
import { SqliteFailure } from "./faults.ts";
import { lookAtFiles } from "./files.ts";
import { guarded } from "./guarded.ts";
import { faultOfPlace, lookAround, type PlaceFault } from "./surroundings.ts";

/**
 * Makes the file where there is none, with mode 0600 whatever the umask, and closes one that is open to every user of the machine.
 * SQLite gives `-wal` and `-shm` the mode of the file. Gives what the operator should know, a line each. Throws `SqliteFailure`.
 */
export function preparePlace(path: string): readonly string[] {
  const around = lookAround(path);
  const place = faultOfPlace(around);
  if (place !== undefined && place.kind !== "full") throw placeFailure(path, place);
  const { database, wal, shm } = guarded(path, () => lookAtFiles({ named: path, real: path }));
  if (database === undefined) {
    if (wal !== undefined || shm !== undefined) throw new SqliteFailure({ kind: "orphaned", path });
    makePrivateFile(path);
    return [];
  }
  return [...closedToOthers(realpathSync(path)), ...warningsOfNames(path, database.names)];
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

/** Another process was faster, or the name is a symbolic link that leads to no file yet. */
function makeBehindLink(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  try {
    closeSync(openSync(path, "a", 0o600));
    chmodSync(path, 0o600);
  } catch (thrown) {
    throw placeFailure(path, { kind: "file_denied", code: codeOf(thrown) ?? "unknown fault" });
  }
}

/** A mode that lets everyone in was hardly chosen: it came with a copy, and becomes 0600. One that shares with a group stays. */
function closedToOthers(real: string): string[] {
  return ["", "-wal", "-shm"].flatMap((suffix) => {
    const file = `${real}${suffix}`;
    const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
    if ((mode & 0o007) === 0) return [];
    const found = `${printable(file)} had mode ${(mode & 0o7777).toString(8).padStart(4, "0")}, open to every user of this machine`;
    try {
      chmodSync(file, 0o600);
      return [`${found}; it has mode 0600 now`];
    } catch (thrown) {
      const code = codeOf(thrown) ?? "unknown fault";
      return [`${found}, and this user cannot change that (${code}); run: chmod 600 ${printable(file)}`];
    }
  });
}

function warningsOfNames(path: string, names: bigint): string[] {
  return names > 1n
    ? [
        `${printable(path)} has ${String(names)} names (hard links), and SQLite keeps -wal and -shm beside the one that it is opened by; remove the other names`,
      ]
    : [];
}

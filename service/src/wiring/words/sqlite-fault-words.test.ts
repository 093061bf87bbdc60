import { describe, expect, test } from "vitest";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import { errorOf, type SqliteFault } from "../../stores/sqlite/faults.ts";
import type { PlaceWarning } from "../../stores/sqlite/prepare-place.ts";
import type { Surroundings } from "../../stores/sqlite/surroundings.ts";
import { placeWarningText } from "./sqlite-fault-words.ts";
import { storeFaultLine } from "./store-fault-words.ts";

const PATH = "/data/keys.db";
const HEALTHY: Surroundings = {
  path: PATH,
  folder: "/data",
  fileFault: undefined,
  folderFault: undefined,
  freeBytes: 1,
};

const engine = (code: number | undefined, around: Partial<Surroundings> = {}): SqliteFault => ({
  kind: "engine",
  code,
  text: "what SQLite says",
  around: { ...HEALTHY, ...around },
});

function lineOf(fault: SqliteFault): string {
  const error = errorOf(fault);
  if (!(error instanceof StoreUnavailable)) throw error;
  return storeFaultLine(error);
}

describe("a failure of the engine is reported in the operator's terms", () => {
  test.each<[string, SqliteFault, string]>([
    [
      "a lock",
      engine(5),
      `another process holds the lock of ${PATH} for too long (SQLite: database is locked); see which one has it open: fuser -v ${PATH}`,
    ],
    ["a full disk", engine(13), `the file system of ${PATH} is full; free space on it`],
    [
      "a failed write on a full disk",
      engine(778, { freeBytes: 0 }),
      `the file system of ${PATH} is full; free space on it`,
    ],
    [
      "a failed write on a disk that went read-only",
      engine(778, { folderFault: "EROFS" }),
      "/data is on a file system that is mounted read-only; mount it writable, or name a file elsewhere",
    ],
    [
      "a read-only file",
      engine(8, { fileFault: "EACCES" }),
      `this user may not read and write ${PATH} (EACCES); give the file to this user: chown USER ${PATH} && chmod 600 ${PATH}`,
    ],
    [
      "a read-only folder",
      engine(1544, { folderFault: "EACCES" }),
      `this user may not make files in the folder /data (EACCES), where SQLite keeps ${PATH}-wal and ${PATH}-shm; give the folder to this user: chown USER /data && chmod 700 /data`,
    ],
    [
      "a folder that is gone",
      engine(14, { folderFault: "ENOENT" }),
      "the folder /data does not exist; make it: mkdir -p /data",
    ],
    [
      "a file that was cut short",
      engine(522),
      `${PATH} or ${PATH}-wal was cut short by another program; stop every program that uses it, remove ${PATH}-wal and ${PATH}-shm, restore a backup, and start again`,
    ],
    [
      "a disk that fails",
      engine(266),
      `SQLite cannot use ${PATH}: what SQLite says (266); check the disk and the file system of the store; network file systems are not supported`,
    ],
    [
      "an engine without a code",
      engine(undefined),
      `SQLite cannot use ${PATH}: what SQLite says; check the disk and the file system of the store; network file systems are not supported`,
    ],
    [
      "a table that is gone",
      { kind: "no_table", path: PATH, table: "replicas" },
      `a table of this service is gone from ${PATH} (replicas); restore the store from a backup; for a new store name a new file`,
    ],
    [
      "a file that was removed",
      { kind: "files", path: PATH, files: { kind: "removed" } },
      `${PATH} was removed or moved away while it was open; put the same file back, which is noticed at once, or restore a backup and restart this program`,
    ],
    [
      "a file that was replaced after a commit",
      { kind: "files", path: PATH, files: { kind: "replaced" }, during: "commit" },
      `${PATH} is another file than the one that is open: it was replaced; this was seen after a change was committed, so the change may not be in the store at ${PATH}; look at the keys (macp-auth keys list) and repeat the change if it is not there`,
    ],
    [
      "a file that was emptied",
      { kind: "files", path: PATH, files: { kind: "emptied" } },
      `${PATH} was emptied by another program; stop every program that uses it, remove ${PATH}-wal and ${PATH}-shm, restore a backup, and start again`,
    ],
    [
      "a companion that was removed",
      { kind: "files", path: PATH, files: { kind: "companion", suffix: "-wal", how: "removed" } },
      `${PATH}-wal was removed by another program while it was open; what it held is kept, and the store is reopened at the next try; keep programs that clean up or back up away from ${PATH}-wal and ${PATH}-shm`,
    ],
    [
      "a folder in place of the file",
      { kind: "place", path: PATH, folder: "/data", place: { kind: "is_folder" } },
      `${PATH} is a folder; name a file in it, such as sqlite:${PATH}/keys.db`,
    ],
    [
      "a file in place of the folder",
      { kind: "place", path: PATH, folder: "/data", place: { kind: "folder_is_file" } },
      "/data is a file or below a file, not a folder; name a file in a folder",
    ],
    [
      "a file of another program that every user may open",
      { kind: "place", path: PATH, folder: "/data", place: { kind: "file_open" } },
      `${PATH} holds no store of this service, and is open to every user of this machine; name another file; or, when this one is for the store: chmod 600 ${PATH}`,
    ],
    [
      "a link into a folder that every user may write",
      { kind: "place", path: PATH, folder: "/data", place: { kind: "folder_open" } },
      `a symbolic link leads to ${PATH}, which does not exist, and every user of this machine may make files in /data; name a file in a folder that only this user may write`,
    ],
    [
      "companions without their file",
      { kind: "orphaned", path: PATH },
      `${PATH} does not exist, but its -wal or -shm does: the file was removed or moved; put the file back, or remove ${PATH}-wal and ${PATH}-shm to begin a new store`,
    ],
    ["a lost worker", { kind: "worker_ended" }, "SQLite: the worker ended; it is restarted at the next try"],
  ])("%s", (_, fault, line) => {
    expect(errorOf(fault)).toBeInstanceOf(StoreUnavailable);
    expect(lineOf(fault)).toBe(line);
  });

  test.each<[PlaceWarning, string]>([
    [
      { kind: "open", path: PATH, mode: 0o100644 },
      `${PATH} has mode 0644, open to every user of this machine; run: chmod 600 ${PATH}`,
    ],
    [
      { kind: "closed", path: PATH, mode: 0o100644 },
      `${PATH} had mode 0644, open to every user of this machine; it has mode 0600 now`,
    ],
    [
      { kind: "of_another", path: PATH, mode: 0o100644 },
      `${PATH} had mode 0644, open to every user of this machine, and belongs to another user; run: chmod 600 ${PATH}`,
    ],
    [
      { kind: "not_closed", path: PATH, mode: 0o100644, code: "EROFS" },
      `${PATH} had mode 0644, open to every user of this machine, and this user cannot change that (EROFS); run: chmod 600 ${PATH}`,
    ],
    [
      { kind: "hard_links", path: PATH, names: 2 },
      `${PATH} has 2 names (hard links), and SQLite keeps -wal and -shm beside the one that it is opened by; remove the other names`,
    ],
  ])("a warning: $kind", (warning, line) => {
    expect(placeWarningText(warning)).toBe(line);
  });

  test.each([["-wal", "-shm"] as const, ["-shm", "-wal"] as const])(
    "a store with %s and no %s: both are named",
    (there, missing) => {
      const fault = { kind: "unshared", path: PATH, missing } as const;
      expect(errorOf(fault)).toBeInstanceOf(StoreUnavailable);
      expect(lineOf(fault)).toContain(`${PATH}${there} is there without its ${missing}, so that`);
    },
  );

  test("control characters of a path reach no terminal", () => {
    expect(lineOf({ kind: "split", path: "/data/\u001b[2J.db" })).toContain("/data/\\u{1b}[2J.db");
  });
});

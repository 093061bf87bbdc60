import { describe, expect, test } from "vitest";
import { StoreCorrupt, StoreUnavailable, StoreUnusable } from "../../kernel/store-faults.ts";
import type { SqliteFault } from "./faults.ts";
import { faultOfFiles, type StoreFiles } from "./files.ts";
import type { Surroundings } from "./surroundings.ts";
import { errorAtOpening, errorOf } from "./words.ts";

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
  return error instanceof StoreUnavailable ? `${error.message}; ${String(error.fix)}` : error.message;
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
    ["a lost worker", { kind: "worker_ended" }, "SQLite: the worker ended; it is restarted at the next try"],
  ])("%s", (_, fault, line) => {
    expect(errorOf(fault)).toBeInstanceOf(StoreUnavailable);
    expect(lineOf(fault)).toBe(line);
  });

  test.each([11, 26, 267])("a database with the result code %i is corrupt, at the start too", (code) => {
    expect(errorOf(engine(code))).toBeInstanceOf(StoreCorrupt);
    expect(errorAtOpening(engine(code, { folderFault: "EROFS" }))).toBeInstanceOf(StoreCorrupt);
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

describe("at the start", () => {
  test.each<SqliteFault>([
    { kind: "no_engine" },
    { kind: "no_wal", path: PATH },
    { kind: "orphaned", path: PATH },
    { kind: "files", path: PATH, files: { kind: "emptied" } },
    { kind: "place", path: PATH, folder: "/data", place: { kind: "folder_missing" } },
    engine(14, { folderFault: "EACCES" }),
  ])("a fault that stays until an operator acts ends it: $kind", (fault) => {
    const error = errorAtOpening(fault);
    expect(error).toBeInstanceOf(StoreUnusable);
    expect(error.message).toMatch(/^.+; .+$/);
  });

  test.each<SqliteFault>([
    { kind: "split", path: PATH },
    { kind: "locked", path: PATH },
    { kind: "place", path: PATH, folder: "/data", place: { kind: "full" } },
    engine(5),
    engine(13),
  ])("a fault that may pass leaves the service waiting for its store: $kind", (fault) => {
    expect(errorAtOpening(fault)).toBeInstanceOf(StoreUnavailable);
  });
});

describe("the files at the path are those that are open", () => {
  const look = (inode: bigint) => ({ device: 1n, inode, sizeBytes: 4096n, names: 1n, mode: 0o600n });
  const OPENED: StoreFiles = { database: look(1n), wal: look(2n), shm: look(3n) };

  test("when device and inode of all three are the same, whatever their sizes", () => {
    expect(faultOfFiles(OPENED, OPENED)).toBeUndefined();
    expect(faultOfFiles(OPENED, { ...OPENED, wal: { ...look(2n), sizeBytes: 0n } })).toBeUndefined();
  });

  test.each<[string, Partial<StoreFiles>, object]>([
    ["nothing is there", { database: undefined }, { kind: "removed" }],
    [
      "only a mount still shows a removed file",
      { database: { ...look(1n), names: 0n } },
      { kind: "removed" },
    ],
    ["another inode is there", { database: look(9n) }, { kind: "replaced" }],
    [
      "the same inode of another device is there",
      { database: { ...look(1n), device: 2n } },
      { kind: "replaced" },
    ],
    ["the file is empty", { database: { ...look(1n), sizeBytes: 0n } }, { kind: "emptied" }],
    ["-wal is gone", { wal: undefined }, { kind: "companion", suffix: "-wal", how: "removed" }],
    ["-shm is another one", { shm: look(9n) }, { kind: "companion", suffix: "-shm", how: "replaced" }],
    ["everything is gone", { database: undefined, wal: undefined, shm: undefined }, { kind: "removed" }],
  ])("and otherwise are not: %s", (_, seen, fault) => {
    expect(faultOfFiles(OPENED, { ...OPENED, ...seen })).toEqual(fault);
  });
});

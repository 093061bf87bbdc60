import { describe, expect, test } from "vitest";
import { StoreCorrupt, StoreUnavailable, StoreUnusable } from "../../kernel/store-faults.ts";
import { errorAtOpening, errorOf, type SqliteFault } from "./faults.ts";
import { faultOfFiles, type StoreFiles } from "./files.ts";
import type { Surroundings } from "./surroundings.ts";

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

  test.each([11, 26, 267])("a database with the result code %i is corrupt, at the start too", (code) => {
    expect(errorOf(engine(code))).toBeInstanceOf(StoreCorrupt);
    expect(errorAtOpening(engine(code, { folderFault: "EROFS" }))).toBeInstanceOf(StoreCorrupt);
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

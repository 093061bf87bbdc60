import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigError } from "../../kernel/faults.ts";
import { StoreCorrupt } from "../../keys/key-store.ts";
import { openSqlite } from "./database.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "macp-auth-sqlite-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("the file and the files beside it are for their owner alone", async () => {
  const path = join(directory, "keys.db");
  const database = await openSqlite(path);
  await database.write((query) => query("CREATE TABLE t (a TEXT)"));
  for (const suffix of ["", "-wal", "-shm"]) expect((await stat(path + suffix)).mode & 0o777).toBe(0o600);
  await database.close();
});

test("what was committed is on the disk: WAL with every commit synced", async () => {
  const database = await openSqlite(join(directory, "keys.db"));
  expect(await database.read((query) => query("PRAGMA journal_mode"))).toEqual([{ journal_mode: "wal" }]);
  expect(await database.read((query) => query("PRAGMA synchronous"))).toEqual([{ synchronous: 2 }]);
  await database.close();
});

test("a directory that is not there is for the operator to mend", async () => {
  await expect(openSqlite(join(directory, "none", "keys.db"))).rejects.toThrow(ConfigError);
});

test("a file that is no database is corrupt", async () => {
  const path = join(directory, "keys.db");
  await writeFile(path, "not a database\n".repeat(100));
  await expect(openSqlite(path)).rejects.toThrow(StoreCorrupt);
});

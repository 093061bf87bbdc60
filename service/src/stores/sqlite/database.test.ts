import {
  chmod,
  chown,
  copyFile,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { Impossible } from "../../kernel/assert.ts";
import { StoreCorrupt, StoreUnusable } from "../../kernel/store-faults.ts";
import { databaseContract } from "../../testing/contracts/database-contract.ts";
import { sqlitePlace } from "../../testing/store-places.ts";
import type { Database, Query } from "../sql/database.ts";

import { migrate } from "../sql/migrate.ts";
import { openSqlite } from "./database.ts";
import { type SqliteFault, SqliteUnusable } from "./faults.ts";
import type { FilesFault } from "./files.ts";
import type { PlaceWarning } from "./prepare-place.ts";

databaseContract("SQLite", sqlitePlace);

let directory: string;
let path: string;
let opened: Database[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "macp-auth-sqlite-"));
  path = join(directory, "keys.db");
  opened = [];
});
afterEach(async () => {
  for (const database of opened) await database.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(at = path, warnings: PlaceWarning[] = []): Promise<Database> {
  const database = await openSqlite(at, (warning) => warnings.push(warning));
  opened.push(database);
  return database;
}

/** A database with a table and one row, `first`. */
async function openFilled(at = path): Promise<Database> {
  const database = await open(at);
  await database.write(async (query) => {
    await query("CREATE TABLE t (a TEXT)");
    await query("INSERT INTO t VALUES ('first')");
  });
  return database;
}

/** A store as the first start makes it, closed again. */
async function makeStore(at = path): Promise<void> {
  const database = await open(at);
  await migrate(database);
  await database.close();
}

const put = (database: Database, text: string): Promise<unknown> =>
  database.write((query) => query("INSERT INTO t VALUES ($1)", [text]));

async function texts(database: Database): Promise<string[]> {
  const rows = await database.read((query) => query("SELECT a FROM t ORDER BY rowid"));
  return (rows as { a: string }[]).map(({ a }) => a);
}

const octal = async (file: string): Promise<string> => ((await stat(file)).mode & 0o777).toString(8);

describe("the file and those beside it", () => {
  test("are for their owner only", async () => {
    await openFilled();
    for (const suffix of ["", "-wal", "-shm"]) expect(await octal(path + suffix)).toBe("600");
  });

  test("with a mode that gives every user access get mode 0600, and the operator is warned", async () => {
    await makeStore();
    await chmod(path, 0o644);
    const warnings: PlaceWarning[] = [];
    await open(path, warnings);
    for (const suffix of ["", "-wal", "-shm"]) expect(await octal(path + suffix)).toBe("600");
    expect(warnings).toEqual([{ kind: "closed", path, mode: 0o100644 }]);
  });

  test("that are open to every user while another process uses them are closed too", async () => {
    await makeStore();
    await open();
    for (const suffix of ["", "-wal", "-shm"]) await chmod(path + suffix, 0o666);
    await open();
    for (const suffix of ["", "-wal", "-shm"]) expect(await octal(path + suffix)).toBe("600");
  });

  test.each(["by its name", "behind a symbolic link"])(
    "keep their mode when they are not a store: %s",
    async (how) => {
      const name = how === "by its name" ? path : join(directory, "link.db");
      if (name !== path) await symlink(path, name);
      for (const [text, fault] of [
        ["root:x:0:0\n".repeat(100), StoreCorrupt],
        ["", StoreUnusable],
      ] as const) {
        await writeFile(path, text, { mode: 0o644 });
        await expect(openSqlite(name)).rejects.toThrow(fault);
        expect(await octal(path)).toBe("644");
        expect(await readFile(path, "utf8")).toBe(text);
        expect(await readdir(directory)).not.toContain("keys.db-wal");
      }
    },
  );

  test("of another program's database keep their mode, and no store is made in one that every user may open", async () => {
    await (await openFilled()).close();
    await chmod(path, 0o644);
    await expect(openSqlite(path)).rejects.toMatchObject({
      name: "StoreUnusable",
      fault: { kind: "place", path, place: { kind: "file_open" } },
    });
    expect(await octal(path)).toBe("644");
  });

  test.skipIf(process.getuid?.() !== 0)(
    "of another user keep their mode, and the operator is warned",
    async () => {
      await makeStore();
      await chmod(path, 0o644);
      await chown(path, 65_534, 65_534);
      const warnings: PlaceWarning[] = [];
      await open(path, warnings);
      expect(await octal(path)).toBe("644");
      expect(warnings).toEqual([{ kind: "of_another", path, mode: 0o100644 }]);
    },
  );

  test("are not made where a link leads to a folder that every user may write", async () => {
    const [name, folder] = [join(directory, "link.db"), join(directory, "shared")];
    await mkdir(folder);
    await chmod(folder, 0o1777);
    await symlink(join(folder, "keys.db"), join(directory, "second.db"));
    await symlink("second.db", name);
    await expect(openSqlite(name)).rejects.toMatchObject({
      name: "StoreUnusable",
      fault: { kind: "place", path: join(folder, "keys.db"), folder, place: { kind: "folder_open" } },
    });
    expect(await readdir(folder)).toEqual([]);
    await chmod(folder, 0o700);
    await open(name);
    expect(await octal(join(folder, "keys.db"))).toBe("600");
  });

  test("that are shared with a group stay so, without a warning", async () => {
    await (await openFilled()).close();
    await chmod(path, 0o660);
    const warnings: PlaceWarning[] = [];
    await open(path, warnings);
    for (const suffix of ["", "-wal", "-shm"]) expect(await octal(path + suffix)).toBe("660");
    expect(warnings).toEqual([]);
  });

  test("behind a symbolic link are those that it leads to, also before there is one", async () => {
    const name = join(directory, "link.db");
    await symlink(path, name);
    await openFilled(name);
    for (const suffix of ["", "-wal", "-shm"]) expect(await octal(path + suffix)).toBe("600");
  });

  test("draw a warning when the file has a second name, beside which SQLite would look for other files", async () => {
    await (await openFilled()).close();
    await link(path, join(directory, "second.db"));
    const warnings: PlaceWarning[] = [];
    await open(path, warnings);
    expect(warnings).toEqual([{ kind: "hard_links", path, names: 2 }]);
  });
});

test("what was committed is on the disk: WAL with every commit synced", async () => {
  const database = await open();
  expect(await database.read((query) => query("PRAGMA journal_mode"))).toEqual([{ journal_mode: "wal" }]);
  expect(await database.read((query) => query("PRAGMA synchronous"))).toEqual([{ synchronous: 2 }]);
});

test("what was committed is in the file itself: a copy of only this file has everything", async () => {
  await put(await openFilled(), "second");
  await copyFile(path, join(directory, "copy.db"));
  expect(await texts(await open(join(directory, "copy.db")))).toEqual(["first", "second"]);
});

describe("a place that cannot hold a store is for the operator to fix, and the fault names it", () => {
  const fault = async (at: string): Promise<SqliteFault> => {
    const thrown: unknown = await openSqlite(at).catch((error: unknown) => error);
    if (thrown instanceof SqliteUnusable) return thrown.fault;
    throw new Error("the file could be opened");
  };

  test("a folder that is not there", async () => {
    expect(await fault(join(directory, "none", "keys.db"))).toMatchObject({
      folder: `${directory}/none`,
      place: { kind: "folder_missing" },
    });
  });

  test("a folder in place of the file", async () => {
    await mkdir(path);
    expect(await fault(path)).toMatchObject({ path, place: { kind: "is_folder" } });
  });

  test("a file in place of the folder", async () => {
    await writeFile(path, "");
    expect(await fault(join(path, "keys.db"))).toMatchObject({
      folder: path,
      place: { kind: "folder_is_file" },
    });
  });

  test("a file that was removed while -wal is still there: no new store is made beside it", async () => {
    await openFilled();
    await rename(path, join(directory, "moved.db"));
    expect(await fault(path)).toEqual({ kind: "orphaned", path });
    await rename(join(directory, "moved.db"), path);
  });
});

test("a file that is not a database is corrupt", async () => {
  await writeFile(path, "not a database\n".repeat(100));
  await expect(openSqlite(path)).rejects.toThrow(StoreCorrupt);
});

describe("a database that is no longer the file at its path executes nothing, and reports what happened", () => {
  const expectFault = async (database: Database, kind: FilesFault["kind"], at = path): Promise<void> => {
    for (const use of [() => texts(database), () => put(database, "lost")])
      await expect(use()).rejects.toMatchObject({
        name: "StoreUnavailable",
        reason: "moved",
        fault: { kind: "files", path: at, files: { kind } },
      });
  };

  test("when the file is removed, and it continues when the same file is put back", async () => {
    const database = await openFilled();
    await rename(path, join(directory, "away.db"));
    await expectFault(database, "removed");
    await rename(join(directory, "away.db"), path);
    await put(database, "second");
    expect(await texts(database)).toEqual(["first", "second"]);
  });

  test("when another file is moved over it, even a copy", async () => {
    const database = await openFilled();
    await copyFile(path, join(directory, "copy.db"));
    await rename(join(directory, "copy.db"), path);
    await expectFault(database, "replaced");
  });

  test("when its folder is renamed, and it continues when the name is back", async () => {
    const folder = join(directory, "data");
    await mkdir(folder);
    const database = await openFilled(join(folder, "keys.db"));
    await rename(folder, join(directory, "renamed"));
    await expectFault(database, "removed", join(folder, "keys.db"));
    await rename(join(directory, "renamed"), folder);
    expect(await texts(database)).toEqual(["first"]);
  });

  test("when the symbolic link in its path is turned to another file", async () => {
    const name = join(directory, "link.db");
    await symlink(path, name);
    const database = await openFilled(name);
    await (await openFilled(join(directory, "other.db"))).close();
    await unlink(name);
    await symlink(join(directory, "other.db"), name);
    await expectFault(database, "replaced", name);
  });

  test("when the file is emptied in place; no process makes a new store in it", async () => {
    const database = await openFilled();
    await truncate(path, 0);
    await expectFault(database, "emptied");
    await expect(openSqlite(path)).rejects.toThrow(StoreUnusable);
  });
});

test("-wal cut to nothing by another program loses nothing that was committed", async () => {
  const database = await openFilled();
  await put(database, "second");
  await truncate(`${path}-wal`, 0);
  await put(database, "third");
  expect(await texts(database)).toEqual(["first", "second", "third"]);
  expect(await texts(await open())).toEqual(["first", "second", "third"]);
});

test("a file that was overwritten in place is read as it is now, not as it was", async () => {
  await (await openFilled()).close();
  const backup = await readFile(path);
  const database = await open();
  await put(database, "second");
  expect(await texts(database)).toEqual(["first", "second"]);
  // Writing restarts the log, so that the pages of the table are in the file only.
  await database.write((query) => query("CREATE TABLE other (a TEXT)"));
  await writeFile(path, backup, { flag: "r+" });
  await expect(texts(database).then((found) => found.join())).resolves.toBe("first");
});

const COMPANION_REMOVED = { fault: { kind: "files", files: { kind: "companion", how: "removed" } } };

describe.each([{ suffixes: ["-shm"] }, { suffixes: ["-wal"] }, { suffixes: ["-wal", "-shm"] }])(
  "when another program removes $suffixes",
  ({ suffixes }) => {
    const remove = () => Promise.all(suffixes.map((suffix) => unlink(path + suffix)));

    test("the transaction fails with a line, the next one works, and nothing committed is lost", async () => {
      const database = await openFilled();
      await remove();
      await expect(put(database, "lost")).rejects.toMatchObject(COMPANION_REMOVED);
      await put(database, "second");
      expect(await texts(database)).toEqual(["first", "second"]);
      expect(await texts(await open())).toEqual(["first", "second"]);
    });

    test("no other process can write past those that have it open, until they have reopened it", async () => {
      const database = await openFilled();
      await remove();
      await expect(openSqlite(path)).rejects.toMatchObject({ fault: { kind: "split", path } });
      await expect(texts(database)).rejects.toMatchObject(COMPANION_REMOVED);
      const other = await open();
      await put(other, "second");
      expect(await texts(database)).toEqual(["first", "second"]);
    });

    test("in the middle of a transaction, it is not committed", async () => {
      const database = await openFilled();
      const change = database.write(async (query) => {
        await query("INSERT INTO t VALUES ('lost')");
        await remove();
      });
      await expect(change).rejects.toMatchObject(COMPANION_REMOVED);
      expect(await texts(database)).toEqual(["first"]);
    });
  },
);

test("a second name of a file that is open (hard link) opens no second log beside it", async () => {
  const database = await openFilled();
  await link(path, join(directory, "second.db"));
  await expect(openSqlite(join(directory, "second.db"))).rejects.toMatchObject({
    fault: { kind: "split", path: join(directory, "second.db") },
  });
  await put(database, "second");
  expect(await texts(database)).toEqual(["first", "second"]);
});

test("of two that have it open, the first to see that -shm is gone waits for the other, and then both continue", async () => {
  const [one, other] = [await openFilled(), await open()];
  await texts(other);
  await unlink(`${path}-shm`);
  await expect(texts(one)).rejects.toMatchObject(COMPANION_REMOVED);
  await expect(texts(one)).rejects.toMatchObject({ fault: { kind: "split" } });
  await expect(texts(other)).rejects.toMatchObject(COMPANION_REMOVED);
  await put(one, "second");
  expect(await texts(other)).toEqual(["first", "second"]);
});

describe("statements that are sent without a wait in between", () => {
  test("are executed in that order, and each has its own rows", async () => {
    const database = await openFilled();
    const rows = await database.write((query) =>
      Promise.all([
        query("INSERT INTO t VALUES ($1)", ["second"]),
        query("SELECT count(*) AS n FROM t"),
        ...Array.from({ length: 500 }, (_, index) => query("INSERT INTO t VALUES ($1)", [String(index)])),
        query("SELECT count(*) AS n FROM t"),
      ]),
    );
    expect([rows[0], rows[1], rows.at(-1)]).toEqual([[], [{ n: 2 }], [{ n: 502 }]]);
  });

  test("end with the first that fails: those after it are not executed", async () => {
    const database = await openFilled();
    const outcomes: unknown[] = [];
    const change = database.write(async (query) => {
      const all = [
        query("INSERT INTO t VALUES ('lost')"),
        query("INSERT INTO nowhere VALUES (1)"),
        query("INSERT INTO t VALUES ('never')"),
      ];
      outcomes.push(...(await Promise.allSettled(all)).map(({ status }) => status));
    });
    await expect(change).rejects.toMatchObject({
      reason: "unsuitable",
      fault: { kind: "no_table", path, table: "nowhere" },
    });
    expect(outcomes).toEqual(["fulfilled", "rejected", "rejected"]);
    expect(await texts(database)).toEqual(["first"]);
  });

  test("a statement after the end of its transaction is not executed", async () => {
    const database = await openFilled();
    let late: Query | undefined;
    await database.write((query) => {
      late = query;
      return query("SELECT 1");
    });
    await expect(late?.("INSERT INTO t VALUES ('late')")).rejects.toThrow(Impossible);
    expect(await texts(database)).toEqual(["first"]);
  });

  test("a text is prepared once, and uses the current tables when it is executed again", async () => {
    const database = await openFilled();
    const all = () => database.read((query) => query("SELECT * FROM t"));
    expect(await all()).toEqual([{ a: "first" }]);
    await database.write((query) => query("ALTER TABLE t ADD COLUMN b TEXT"));
    expect(await all()).toEqual([{ a: "first", b: null }]);
    for (let at = 0; at < 200; at += 1) await database.read((query) => query(`SELECT ${String(at)} AS n`));
    expect(await all()).toEqual([{ a: "first", b: null }]);
  });
});

test("ten processes that open a new file at the same moment all succeed", async () => {
  const all = await Promise.all(Array.from({ length: 10 }, () => open()));
  await all[0]?.write((query) => query("CREATE TABLE t (a TEXT)"));
  await Promise.all(all.map((database, index) => put(database, String(index))));
  for (const database of all) expect(await texts(database)).toHaveLength(10);
});

describe("a file that is only read while no process has it open", () => {
  const look = async (): Promise<Database> => {
    const database = await openSqlite(path, () => undefined, "look");
    opened.push(database);
    return database;
  };

  test("is read again when another process begins to use it meanwhile, and each read is of one moment", async () => {
    await (await openFilled()).close();
    const looking = await look();
    let looks = 0;
    const seen = await looking.read(async (query) => {
      const rows = await query("SELECT a FROM t");
      looks += 1;
      if (looks === 1) await put(await open(), "second");
      return [rows, await query("SELECT a FROM t")];
    });
    const both = [{ a: "first" }, { a: "second" }];
    expect(seen).toEqual([both, both]);
    expect(looks).toBe(2);
  });

  test("is read as it is now, also when the other process has ended again", async () => {
    await (await openFilled()).close();
    const looking = await look();
    expect(await texts(looking)).toEqual(["first"]);
    const other = await open();
    await put(other, "second");
    await other.close();
    expect(await texts(looking)).toEqual(["first", "second"]);
  });
});

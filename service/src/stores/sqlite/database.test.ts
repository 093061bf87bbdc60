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
import { StoreCorrupt, StoreUnavailable, StoreUnusable } from "../../kernel/store-faults.ts";
import { databaseContract } from "../../testing/database-contract.ts";
import { sqlitePlace } from "../../testing/store-places.ts";
import type { Database, Query } from "../sql/database.ts";

import { migrate } from "../sql/migrate.ts";
import { openSqlite } from "./database.ts";

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

async function open(at = path, warnings: string[] = []): Promise<Database> {
  const database = await openSqlite(at, (message) => warnings.push(message));
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
    const warnings: string[] = [];
    await open(path, warnings);
    for (const suffix of ["", "-wal", "-shm"]) expect(await octal(path + suffix)).toBe("600");
    expect(warnings).toEqual([
      `${path} had mode 0644, open to every user of this machine; it has mode 0600 now`,
    ]);
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
    await expect(openSqlite(path)).rejects.toThrow(
      `${path} holds no store of this service, and is open to every user of this machine; name another file; or, when this one is for the store: chmod 600 ${path}`,
    );
    expect(await octal(path)).toBe("644");
  });

  test.skipIf(process.getuid?.() !== 0)(
    "of another user keep their mode, and the line says what to run",
    async () => {
      await makeStore();
      await chmod(path, 0o644);
      await chown(path, 65_534, 65_534);
      const warnings: string[] = [];
      await open(path, warnings);
      expect(await octal(path)).toBe("644");
      expect(warnings).toEqual([
        `${path} had mode 0644, open to every user of this machine, and belongs to another user; run: chmod 600 ${path}`,
      ]);
    },
  );

  test("are not made where a link leads to a folder that every user may write", async () => {
    const [name, folder] = [join(directory, "link.db"), join(directory, "shared")];
    await mkdir(folder);
    await chmod(folder, 0o1777);
    await symlink(join(folder, "keys.db"), join(directory, "second.db"));
    await symlink("second.db", name);
    await expect(openSqlite(name)).rejects.toThrow(
      `a symbolic link leads to ${folder}/keys.db, which does not exist, and every user of this machine may make files in ${folder}; name a file in a folder that only this user may write`,
    );
    expect(await readdir(folder)).toEqual([]);
    await chmod(folder, 0o700);
    await open(name);
    expect(await octal(join(folder, "keys.db"))).toBe("600");
  });

  test("that are shared with a group stay so, without a warning", async () => {
    await (await openFilled()).close();
    await chmod(path, 0o660);
    const warnings: string[] = [];
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
    const warnings: string[] = [];
    await open(path, warnings);
    expect(warnings).toEqual([expect.stringMatching(/keys\.db has 2 names \(hard links\)/)]);
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

describe("a place that cannot hold a store is for the operator to fix, and the line names it", () => {
  const fault = async (at: string): Promise<string> => {
    const thrown: unknown = await openSqlite(at).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(StoreUnusable);
    return (thrown as StoreUnusable).message;
  };

  test("a folder that is not there, with the command that makes it", async () => {
    expect(await fault(join(directory, "none", "keys.db"))).toBe(
      `the folder ${directory}/none does not exist; make it: mkdir -p ${directory}/none`,
    );
  });

  test("a folder in place of the file", async () => {
    await mkdir(path);
    expect(await fault(path)).toBe(`${path} is a folder; name a file in it, such as sqlite:${path}/keys.db`);
  });

  test("a file in place of the folder", async () => {
    await writeFile(path, "");
    expect(await fault(join(path, "keys.db"))).toMatch(`${path} is a file or below a file, not a folder`);
  });

  test("a file that was removed while -wal is still there: no new store is made beside it", async () => {
    await openFilled();
    await rename(path, join(directory, "moved.db"));
    expect(await fault(path)).toMatch(/keys\.db does not exist, but its -wal or -shm does/);
    await rename(join(directory, "moved.db"), path);
  });
});

test("a file that is not a database is corrupt", async () => {
  await writeFile(path, "not a database\n".repeat(100));
  await expect(openSqlite(path)).rejects.toThrow(StoreCorrupt);
});

describe("a database that is no longer the file at its path executes nothing, and reports what happened", () => {
  const expectFault = async (database: Database, words: RegExp): Promise<void> => {
    for (const use of [() => texts(database), () => put(database, "lost")]) {
      const thrown: unknown = await use().catch((error: unknown) => error);
      expect(thrown).toBeInstanceOf(StoreUnavailable);
      expect((thrown as StoreUnavailable).message).toMatch(words);
      expect((thrown as StoreUnavailable).fix).not.toBeUndefined();
    }
  };

  test("when the file is removed, and it continues when the same file is put back", async () => {
    const database = await openFilled();
    await rename(path, join(directory, "away.db"));
    await expectFault(database, /keys\.db was removed or moved away while it was open/);
    await rename(join(directory, "away.db"), path);
    await put(database, "second");
    expect(await texts(database)).toEqual(["first", "second"]);
  });

  test("when another file is moved over it, even a copy", async () => {
    const database = await openFilled();
    await copyFile(path, join(directory, "copy.db"));
    await rename(join(directory, "copy.db"), path);
    await expectFault(database, /keys\.db is another file than the one that is open: it was replaced/);
  });

  test("when its folder is renamed, and it continues when the name is back", async () => {
    const folder = join(directory, "data");
    await mkdir(folder);
    const database = await openFilled(join(folder, "keys.db"));
    await rename(folder, join(directory, "renamed"));
    await expectFault(database, /data\/keys\.db was removed or moved away/);
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
    await expectFault(database, /link\.db is another file than the one that is open/);
  });

  test("when the file is emptied in place; no process makes a new store in it", async () => {
    const database = await openFilled();
    await truncate(path, 0);
    await expectFault(database, /keys\.db was emptied by another program/);
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

describe.each([{ suffixes: ["-shm"] }, { suffixes: ["-wal"] }, { suffixes: ["-wal", "-shm"] }])(
  "when another program removes $suffixes",
  ({ suffixes }) => {
    const remove = () => Promise.all(suffixes.map((suffix) => unlink(path + suffix)));

    test("the transaction fails with a line, the next one works, and nothing committed is lost", async () => {
      const database = await openFilled();
      await remove();
      await expect(put(database, "lost")).rejects.toThrow(
        /keys\.db-(wal|shm) was removed by another program/,
      );
      await put(database, "second");
      expect(await texts(database)).toEqual(["first", "second"]);
      expect(await texts(await open())).toEqual(["first", "second"]);
    });

    test("no other process can write past those that have it open, until they have reopened it", async () => {
      const database = await openFilled();
      await remove();
      await expect(openSqlite(path)).rejects.toThrow(
        /another process has .*keys\.db open, and its -wal or -shm is not there/,
      );
      await expect(texts(database)).rejects.toThrow(/was removed by another program/);
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
      await expect(change).rejects.toThrow(/was removed by another program/);
      expect(await texts(database)).toEqual(["first"]);
    });
  },
);

test("a second name of a file that is open (hard link) opens no second log beside it", async () => {
  const database = await openFilled();
  await link(path, join(directory, "second.db"));
  await expect(openSqlite(join(directory, "second.db"))).rejects.toThrow(
    /another process has .*second\.db open/,
  );
  await put(database, "second");
  expect(await texts(database)).toEqual(["first", "second"]);
});

test("of two that have it open, the first to see that -shm is gone waits for the other, and then both continue", async () => {
  const [one, other] = [await openFilled(), await open()];
  await texts(other);
  await unlink(`${path}-shm`);
  await expect(texts(one)).rejects.toThrow(/was removed by another program/);
  await expect(texts(one)).rejects.toThrow(/another process has .* open/);
  await expect(texts(other)).rejects.toThrow(/was removed by another program/);
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
    await expect(change).rejects.toThrow("no such table: nowhere");
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

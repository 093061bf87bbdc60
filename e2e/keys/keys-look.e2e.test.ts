import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openAdapter } from "../../service/src/stores/open.ts";
import { MIGRATIONS } from "../../service/src/stores/sql/migrations.ts";
import {
  freshName,
  onPostgres,
  onPostgresAt,
  urlOf,
} from "../../service/src/testing/postgres/postgres-server.ts";
import { mayLeavePostgresOut } from "../../service/src/testing/store-places.ts";
import { type CommandResult, macpAuthWith } from "../support/operator.ts";
import { startService } from "../support/service-process.ts";

const BIN = fileURLToPath(new URL("../../service/bin/macp-auth.cjs", import.meta.url));
const KEK = randomBytes(32).toString("base64url");
/** A user without rights: root may write everywhere, so a folder that cannot be written needs another user. */
const NOBODY = 65_534;

const keysOn = (storeUrl: string, ...args: readonly string[]): CommandResult =>
  macpAuthWith({ MACP_AUTH_STORE_URL: storeUrl, MACP_AUTH_KEK: KEK }, ...args);

describe("a command that looks, on SQLite,", { timeout: 120_000 }, () => {
  let root: string;
  let made: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "macp-auth-look-"));
    made = join(root, "made");
    await mkdir(made);
    const service = await startService({
      MACP_AUTH_STORE_URL: `sqlite:${join(made, "keys.db")}`,
      MACP_AUTH_KEK: KEK,
      MACP_AUTH_SIGNING_ALG: "ES256",
    });
    await service.stop();
    expect(await readdir(made)).toEqual(["keys.db"]);
  });
  afterAll(() => rm(root, { recursive: true }));

  const place = async (name: string): Promise<{ folder: string; path: string; url: string }> => {
    const folder = join(root, name);
    await mkdir(folder);
    const path = join(folder, "keys.db");
    return { folder, path, url: `sqlite:${path}` };
  };
  /** Every file of a folder: its name, mode, time and content. */
  const traces = async (folder: string): Promise<readonly (readonly unknown[])[]> =>
    Promise.all(
      (await readdir(folder)).toSorted().map(async (name) => {
        const { mode, mtimeMs, ctimeMs } = await stat(join(folder, name));
        const content = createHash("sha256")
          .update(await readFile(join(folder, name)))
          .digest("hex");
        return [name, mode, mtimeMs, ctimeMs, content];
      }),
    );

  test("lists the keys of a store that no process has open, and changes and makes no file", async () => {
    const { folder, path, url } = await place("at rest");
    await copyFile(join(made, "keys.db"), path);
    const before = [await traces(folder), (await stat(folder)).mtimeMs];
    const { code, out, err } = keysOn(url, "keys", "list");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^key set version 1, 2 keys in the JWKS\n/);
    expect([await traces(folder), (await stat(folder)).mtimeMs]).toEqual(before);
  });

  test("lists them in a folder that this user may read and not write", async () => {
    const { folder, path, url } = await place("read only");
    await copyFile(join(made, "keys.db"), path);
    for (const one of [root, folder, path]) await chown(one, NOBODY, NOBODY).catch(() => undefined);
    await chmod(path, 0o400);
    await chmod(folder, 0o500);
    const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const result = spawnSync(process.execPath, [BIN, "keys", "list"], {
      encoding: "utf8",
      env: { MACP_AUTH_STORE_URL: url, MACP_AUTH_KEK: KEK },
      ...asNobody,
    });
    await chmod(folder, 0o700);
    expect([result.status, result.stderr]).toEqual([0, ""]);
    expect(result.stdout).toContain("2 keys in the JWKS");
    expect(await readdir(folder)).toEqual(["keys.db"]);
  });

  test("lists what a service that was killed had written, and does not recover the file", async () => {
    const { folder, url } = await place("killed");
    const service = await startService({ MACP_AUTH_STORE_URL: url, MACP_AUTH_KEK: KEK });
    const running = keysOn(url, "keys", "list");
    expect([running.code, running.err]).toEqual([0, ""]);
    await service.stop("SIGKILL");
    // SQLite gives the companions their owner again as it opens them, and writes its locks into -shm: their content stays.
    const files = async () =>
      (await traces(folder))
        .filter(([name]) => name !== "keys.db-shm")
        .map(([name, mode, changedAt, , content]) => [name, mode, changedAt, content]);
    const before = await files();
    const after = keysOn(url, "keys", "list");
    expect([after.code, after.err]).toEqual([0, ""]);
    expect(after.out).toContain("2 keys in the JWKS");
    expect(await files()).toEqual(before);
    expect(await readdir(folder)).toEqual(["keys.db", "keys.db-shm", "keys.db-wal"]);
  });

  test.each([["keys list"], ["keys rotate"], ["keys prepare"], ["kek rotate"]])(
    "and a command that changes: %s makes no store and no tables where there are none, and names the command that does",
    async (words) => {
      const { folder, path, url } = await place(words);
      const missing = keysOn(url, ...words.split(" "));
      expect([missing.code, missing.out]).toEqual([1, ""]);
      expect(missing.err).toContain("does not exist; check the path in MACP_AUTH_STORE_URL");
      expect(await readdir(folder)).toEqual([]);

      await writeFile(path, "", { mode: 0o600 });
      const before = await traces(folder);
      const empty = keysOn(url, ...words.split(" "));
      expect([empty.code, empty.out]).toEqual([1, ""]);
      expect(empty.err).toBe(
        "macp-auth: MACP_AUTH_STORE_URL: the store has no tables of this service; check that it is the right one; for a new store start the service, or: macp-auth migrate\n",
      );
      if (words === "keys list") expect(await traces(folder)).toEqual(before);
    },
  );

  test.each([
    ["0644", 0o644],
    ["0602", 0o602],
  ])(
    "warns of a file of mode %s, which every user of the machine may use, and does not change the mode",
    async (shownMode, mode) => {
      const { folder, path, url } = await place(`mode ${shownMode}`);
      await copyFile(join(made, "keys.db"), path);
      await chmod(path, mode);
      const before = await traces(folder);
      const { code, out, err } = keysOn(url, "keys", "list", "--json");
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ version: 1 });
      expect(err).toBe(
        `macp-auth: warning: ${path} has mode ${shownMode}, open to every user of this machine; run: chmod 600 ${path}\n`,
      );
      expect(await traces(folder)).toEqual(before);
    },
  );

  test("warns of companions of a service that every user may use, and of none that only a group may", async () => {
    const { path, url } = await place("modes of companions");
    const service = await startService({ MACP_AUTH_STORE_URL: url, MACP_AUTH_KEK: KEK });
    await chmod(path, 0o660);
    await chmod(`${path}-wal`, 0o666);
    const { code, err } = keysOn(url, "keys", "list");
    await service.stop();
    expect(code).toBe(0);
    expect(err).toBe(
      `macp-auth: warning: ${path}-wal has mode 0666, open to every user of this machine; run: chmod 600 ${path}-wal\n`,
    );
  });

  test.each([
    ["-wal", "-shm"],
    ["-shm", "-wal"],
  ])(
    "says what to do about a store with %s and no %s, which it could read only by making a file, and makes none",
    async (there, missing) => {
      const { folder, path, url } = await place(`only ${there}`);
      await copyFile(join(made, "keys.db"), path);
      await writeFile(path + there, "", { mode: 0o600 });
      const before = await traces(folder);
      const { code, err } = keysOn(url, "keys", "list");
      expect(code).toBe(1);
      expect(err).toContain(
        `keys.db${there} is there without its ${missing}, so that the store cannot be read without a change`,
      );
      expect(err).toContain("start the service, or: macp-auth migrate");
      expect(await traces(folder)).toEqual(before);
      expect(keysOn(url, "migrate")).toMatchObject({ code: 0, err: "" });
      expect(keysOn(url, "keys", "list")).toMatchObject({ code: 0, err: "" });
    },
  );

  test.each([["-wal"], ["-shm"]])(
    "does not restore a %s that was removed under a running service, and lists the keys once the service has reopened its store",
    async (missing) => {
      const { folder, path, url } = await place(`removed ${missing}`);
      const service = await startService({ MACP_AUTH_STORE_URL: url, MACP_AUTH_KEK: KEK });
      const listing = async () =>
        Promise.all(
          (await readdir(folder))
            .toSorted()
            .map(async (name) => [name, (await stat(join(folder, name))).ino]),
        );
      // The service checks its files every 10 s: while it is stopped it does not reopen them.
      service.signal("SIGSTOP");
      await rm(path + missing);
      const before = await listing();
      const { code, err } = keysOn(url, "keys", "list");
      const after = await listing();
      service.signal("SIGCONT");
      expect([code, err]).toEqual([1, expect.stringContaining(`without its ${missing}, so that`)]);
      expect(err).toContain("try again in a minute");
      expect(after).toEqual(before);
      await expect.poll(() => keysOn(url, "keys", "list").code, { timeout: 30_000, interval: 500 }).toBe(0);
      expect(await service.stop()).toBe(0);
    },
  );

  test.each([
    [
      99,
      `the store has schema version 99, and this program knows versions up to ${String(MIGRATIONS.length)}; run the newer program`,
    ],
    [
      0,
      "the store has no tables of this service; check that it is the right one; for a new store start the service, or: macp-auth migrate",
    ],
  ])(
    "names a schema of version %i, which is not this program's, and changes nothing",
    async (version, fault) => {
      const { folder, path, url } = await place(`schema ${String(version)}`);
      await copyFile(join(made, "keys.db"), path);
      const database = await openAdapter({ kind: "sqlite", path });
      await database.write((query) => query("UPDATE schema_version SET version = $1", [version]));
      await database.close();
      const before = await traces(folder);
      const { code, out, err } = keysOn(url, "keys", "list");
      expect([code, out]).toEqual([1, ""]);
      expect(err).toContain(`macp-auth: MACP_AUTH_STORE_URL: ${fault}`);
      expect(await traces(folder)).toEqual(before);
    },
  );
});

describe.skipIf(mayLeavePostgresOut())("a command that looks, on PostgreSQL,", { timeout: 120_000 }, () => {
  const database = freshName("look");
  const reader = freshName("reader");
  const traces = () =>
    onPostgresAt(
      urlOf({ database }),
      "SELECT relnamespace::regnamespace::text, relname, relfilenode, xmin::text FROM pg_class ORDER BY 1, 2",
    );
  beforeAll(async () => {
    await onPostgres(`CREATE DATABASE ${database}`, `CREATE ROLE ${reader} LOGIN`);
  });
  afterAll(async () => {
    await onPostgres(`DROP DATABASE ${database} WITH (FORCE)`, `DROP ROLE ${reader}`);
  });

  test.each([["keys list"], ["keys rotate"], ["kek rotate"]])(
    "and a command that changes: %s makes no table in an empty database, and names the command that does",
    async (words) => {
      const before = await traces();
      const { code, out, err } = keysOn(urlOf({ database }), ...words.split(" "));
      expect([code, out]).toEqual([1, ""]);
      expect(err).toBe(
        "macp-auth: MACP_AUTH_STORE_URL: the store has no tables of this service; check that it is the right one; for a new store start the service, or: macp-auth migrate\n",
      );
      expect(await traces()).toEqual(before);
    },
  );

  test("needs only the right to SELECT, and changes no table and no row", async () => {
    const service = await startService({ MACP_AUTH_STORE_URL: urlOf({ database }), MACP_AUTH_KEK: KEK });
    await service.stop();
    await onPostgresAt(urlOf({ database }), `GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${reader}`);
    const rows = () =>
      onPostgresAt(
        urlOf({ database }),
        "SELECT xmin::text, ctid::text, 'set' FROM key_sets UNION ALL SELECT xmin::text, ctid::text, kid FROM signing_keys ORDER BY 3",
      );
    const before = [await traces(), await rows()];
    const { code, out, err } = keysOn(urlOf({ database, role: reader }), "keys", "list");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^key set version 1, 2 keys in the JWKS\n/);
    expect([await traces(), await rows()]).toEqual(before);
  });
});

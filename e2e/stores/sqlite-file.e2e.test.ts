import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  mkdtemp,
  rename,
  rm,
  stat,
  unlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSqlite } from "../../service/src/stores/sqlite/database.ts";
import { asRoot, runAsRoot } from "../support/as-root.ts";
import { FAST_LEASE, mintStatus, until } from "../support/managed-service.ts";
import { type CommandResult, macpAuthWith } from "../support/operator.ts";
import { ask } from "../support/raw-http.ts";
import { type Environment, type RunningService, withService } from "../support/service-process.ts";

const BIN = fileURLToPath(new URL("../../service/bin/macp-auth.cjs", import.meta.url));
const WRITER = fileURLToPath(new URL("sqlite-writer.mjs", import.meta.url));
const STORY_MS_MAX = 90_000;
const WRITING_MS = 10_000;
const isRoot = process.getuid?.() === 0;

let folder: string;
let store: string;
let env: Environment;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-file-"));
  await mkdir(join(folder, "data"));
  store = join(folder, "data", "keys.db");
  env = at(store);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (path: string): Environment => ({ ...FAST_LEASE, MACP_AUTH_STORE_URL: `sqlite:${path}` });

const macpAuth = (...args: readonly string[]): CommandResult => macpAuthWith(env, ...args);

function kidsInStore(): readonly string[] {
  const result = macpAuth("keys", "list", "--json");
  expect(result).toMatchObject({ code: 0 });
  return kidsOf(result);
}

function kidsOf(result: CommandResult): readonly string[] {
  return (JSON.parse(result.out) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
}

const preparedKid = ({ out }: CommandResult): string => /^published: +(\S+)/m.exec(out)?.[1] ?? "none";

async function kidsServed(service: RunningService): Promise<readonly string[]> {
  const { status, text } = await ask(service.port, { path: "/.well-known/jwks.json" });
  return status === 200 ? (JSON.parse(text) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid) : [];
}

const faultsLogged = (service: RunningService): string =>
  service
    .events("key_store_unavailable")
    .map((line) => `${String(line["fault"])}; ${String(line["fix"])}`)
    .join("\n");

describe.each([{ suffixes: ["-shm"] }, { suffixes: ["-wal"] }, { suffixes: ["-wal", "-shm"] }])(
  "a backup tool that removes $suffixes under a running service",
  ({ suffixes }) => {
    test("makes no acknowledged change disappear: keys prepare is in the next list, the JWKS and after a restart, or it fails", {
      timeout: STORY_MS_MAX,
    }, async () => {
      let acknowledged: string[] = [];
      await withService(env, async (service) => {
        for (let round = 0; round < 2; round += 1) {
          await Promise.all(suffixes.map((suffix) => unlink(store + suffix).catch(() => undefined)));
          const result = macpAuth("keys", "prepare");
          if (result.code === 0) {
            acknowledged = [...acknowledged, preparedKid(result)];
            expect(kidsInStore()).toEqual(expect.arrayContaining(acknowledged));
          } else expect(result.err).toMatch(/-wal or -shm is not there|was removed by another program/);
          await until(async () => (await mintStatus(service)) === 200);
          // Until the service has reopened the file, a command that only reads may make no companion file, and fails.
          await until(async () => {
            const result = macpAuth("keys", "list", "--json");
            return result.code === 0 && acknowledged.every((kid) => kidsOf(result).includes(kid));
          });
        }
        await until(async () => {
          const served = await kidsServed(service);
          return acknowledged.every((kid) => served.includes(kid));
        });
        expect(faultsLogged(service)).toMatch(
          /keys\.db-(wal|shm) was removed by another program while it was open/,
        );
        expect(await service.stop()).toBe(0);
      });
      expect(kidsInStore()).toEqual(expect.arrayContaining(acknowledged));
    });
  },
);

test("four processes write, two of them opening the file for each row, while -wal and -shm are removed again and again: nothing acknowledged is lost", {
  timeout: STORY_MS_MAX,
}, async () => {
  const fresh = await openSqlite(store);
  await fresh.write((query) => query("CREATE TABLE t (a TEXT)"));
  await fresh.close();

  const acknowledged: string[] = [];
  const writers = ["a", "b", "c", "d"].map(async (name, index) => {
    const how = index < 2 ? "stay" : "reopen";
    const writer = spawn(process.execPath, [WRITER, store, name, String(WRITING_MS), how], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    writer.stdout.on("data", (piece: Buffer) => {
      acknowledged.push(...piece.toString().split("\n").filter(Boolean));
    });
    return once(writer, "close");
  });
  const choices = [["-shm"], ["-wal"], ["-wal", "-shm"]];
  let removals = 0;
  const remover = setInterval(() => {
    for (const suffix of choices[removals % choices.length] ?? [])
      void unlink(store + suffix).catch(() => undefined);
    removals += 1;
  }, 250);
  const ends = await Promise.all(writers);
  clearInterval(remover);
  expect(ends.map(([code]) => code as number)).toEqual([0, 0, 0, 0]);

  const database = await openSqlite(store);
  const rows = await database.read((query) => query("SELECT a FROM t"));
  await database.close();
  const kept = new Set((rows as { a: string }[]).map((row) => row.a));
  console.log(`${String(acknowledged.length)} acknowledged, ${String(removals)} removals`);
  expect(acknowledged.length).toBeGreaterThan(20);
  expect(acknowledged.filter((text) => !kept.has(text))).toEqual([]);
});

test("a service that was killed has left everything in the file itself: without -wal and -shm nothing is lost", {
  timeout: STORY_MS_MAX,
}, async () => {
  await withService(env, async (service) => {
    const kid = preparedKid(macpAuth("keys", "prepare"));
    const before = kidsInStore();
    expect(before).toContain(kid);
    await service.stop("SIGKILL");
    await Promise.all(["-wal", "-shm"].map((suffix) => rm(store + suffix, { force: true })));
    expect(kidsInStore()).toEqual(before);
  });
});

describe("a service whose database is no longer the file at its path", () => {
  test("fences itself and reports it when the files are removed, and signs again when they are put back", {
    timeout: STORY_MS_MAX,
  }, async () => {
    await withService(env, async (service) => {
      await rename(join(folder, "data"), join(folder, "away"));
      await until(async () => (await mintStatus(service)) === 503);
      expect(faultsLogged(service)).toContain(
        `${store} was removed or moved away while it was open; put the same`,
      );
      expect(macpAuth("keys", "prepare").code).toBe(1);
      await rename(join(folder, "away"), join(folder, "data"));
      await until(async () => (await mintStatus(service)) === 200);
      expect(await service.stop()).toBe(0);
    });
  });

  test("fences itself when another file is moved over it, so that keys revoke on the path never changes another store than the service's", {
    timeout: STORY_MS_MAX,
  }, async () => {
    await withService(env, async (service) => {
      await copyFile(store, join(folder, "copy.db"));
      await rename(join(folder, "copy.db"), store);
      await until(async () => (await mintStatus(service)) === 503);
      expect(faultsLogged(service)).toMatch(
        /is another file than the one that is open: it was replaced; restart/,
      );
      expect(await kidsServed(service)).toEqual([]);
    });
  });

  test("fences itself when an old backup is copied over it in place", { timeout: STORY_MS_MAX }, async () => {
    expect(macpAuth("migrate").code).toBe(0);
    await copyFile(store, join(folder, "backup.db"));
    await withService(env, async (service) => {
      await until(async () => (await mintStatus(service)) === 200);
      // In place: the inode stays the same.
      await copyFile(join(folder, "backup.db"), store);
      await until(async () => (await mintStatus(service)) === 503);
      const { reason } = await service.event("fenced", (line) => line["reason"] !== "not_read_yet");
      expect(reason).toMatch(/^(store_older|store_forked|lease_expired)$/);
    });
  });

  test("fences itself when it is emptied, and no command begins a new store in it", {
    timeout: STORY_MS_MAX,
  }, async () => {
    await withService(env, async (service) => {
      await writeFile(store, "");
      await until(async () => (await mintStatus(service)) === 503);
      expect(faultsLogged(service)).toContain(`${store} was emptied by another program; stop every program`);
      expect(macpAuth("keys", "prepare")).toMatchObject({
        code: 1,
        err: expect.stringContaining("was emptied by another program") as string,
      });
    });
  });
});

test.each(["000", "022", "077"])(
  "under the umask %s the files of a running service are for its user only, also when they were open before",
  { timeout: STORY_MS_MAX },
  async (umask) => {
    for (const isRestored of [false, true]) {
      if (isRestored) await chmod(store, 0o644);
      const service = spawn(
        "sh",
        ["-c", `umask ${umask} && exec "$0" "$@"`, process.execPath, BIN, "serve"],
        {
          env: { PATH: process.env["PATH"], PORT: "0", ...env },
        },
      );
      let log = "";
      service.stdout.on("data", (piece: Buffer) => {
        log += piece.toString();
      });
      const ended = new Promise((resolve) => service.on("exit", resolve));
      await until(() => Promise.resolve(log.includes('"listening"')));
      for (const suffix of ["", "-wal", "-shm"])
        expect(((await stat(store + suffix)).mode & 0o777).toString(8)).toBe("600");
      expect(log.includes("store_warning")).toBe(isRestored);
      service.kill("SIGTERM");
      await ended;
    }
  },
);

describe("a place that cannot be written", () => {
  /** As a user who has no access: root has access everywhere. */
  const asUser = (...args: readonly string[]) =>
    spawnSync(process.execPath, [BIN, ...args], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], ...env },
      ...(isRoot && { uid: 65_534, gid: 65_534 }),
    });

  beforeEach(async () => {
    expect(macpAuth("migrate").code).toBe(0);
    if (!isRoot) return;
    await chmod(folder, 0o755);
    for (const path of [join(folder, "data"), store]) await chown(path, 65_534, 65_534);
  });
  afterEach(() => chmod(join(folder, "data"), 0o700));

  test("is named: the folder, when the file can be written and the folder cannot", async () => {
    await chmod(join(folder, "data"), 0o555);
    const { status, stderr } = asUser("keys", "prepare");
    expect(status).toBe(1);
    expect(stderr).toContain(
      `macp-auth: MACP_AUTH_STORE_URL: this user may not make files in the folder ${folder}/data (EACCES), where SQLite keeps ${store}-wal and ${store}-shm; give the folder to this user: chown`,
    );
  });

  test("is named: the file, when it cannot be written", async () => {
    await chmod(store, 0o400);
    const { status, stderr } = asUser("serve");
    expect(status).toBe(1);
    expect(stderr).toContain(
      `macp-auth: MACP_AUTH_STORE_URL: this user may not read and write ${store} (EACCES); give the file to this user`,
    );
  });
});

const canMount =
  asRoot !== undefined && process.platform === "linux" && spawnSync("mount", ["--version"]).status === 0;
if (!canMount && process.env["CI"] === "true")
  throw new Error(
    "file systems that are full or read-only need root, or sudo without a password, on Linux, and in CI nothing is skipped",
  );

describe.skipIf(!canMount)("a file system (skipped: mounting one needs root or sudo, on Linux)", () => {
  const mount = (...args: readonly string[]): void => {
    runAsRoot("mount", ...args);
  };
  const owner = `mode=0700,uid=${String(process.getuid?.())},gid=${String(process.getgid?.())}`;
  beforeEach(() => mount("-t", "tmpfs", "-o", `size=1m,${owner}`, "tmpfs", join(folder, "data")));
  afterEach(() => {
    runAsRoot("umount", join(folder, "data"));
  });
  const fill = () => writeFile(join(folder, "data", "fill"), Buffer.alloc(4 << 20)).catch(() => undefined);

  test("that is full is named, by a command and by a start", async () => {
    await fill();
    expect(macpAuth("migrate")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/the file system of .*keys\.db is full\)?; free space on it/) as string,
    });
  });

  test("that fills up under a running service ends no signing that the store still allows, and loses no change", {
    timeout: STORY_MS_MAX,
  }, async () => {
    await withService(env, async (service) => {
      await fill();
      const result = macpAuth("keys", "prepare");
      if (result.code !== 0) expect(result.err).toMatch(/is full\)?; free space on it/);
      await rm(join(folder, "data", "fill"));
      await until(async () => (await mintStatus(service)) === 200);
      const again = macpAuth("keys", "prepare");
      expect(again.code).toBe(0);
      expect(kidsInStore()).toContain(preparedKid(again));
      if (result.code === 0) expect(kidsInStore()).toContain(preparedKid(result));
    });
  });

  test("that shows the file under a mount of its own: one that was removed behind it is noticed", {
    timeout: STORY_MS_MAX,
  }, async () => {
    const inside = join(folder, "inside.db");
    await writeFile(inside, "");
    expect(macpAuth("migrate").code).toBe(0);
    mount("--bind", store, inside);
    try {
      await withService(at(inside), async (service) => {
        await until(async () => (await mintStatus(service)) === 200);
        await unlink(store);
        await until(async () => (await mintStatus(service)) === 503);
        expect(faultsLogged(service)).toContain(`${inside} was removed or moved away while it was open`);
      });
    } finally {
      runAsRoot("umount", inside);
    }
  });

  test("that is mounted read-only is named", () => {
    expect(macpAuth("migrate").code).toBe(0);
    mount("-o", "remount,ro", join(folder, "data"));
    const { code, err } = macpAuth("keys", "prepare");
    expect(code).toBe(1);
    expect(err).toContain(
      `MACP_AUTH_STORE_URL: ${folder}/data is on a file system that is mounted read-only; mount it writable`,
    );
  });
});

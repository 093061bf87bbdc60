import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openAdapter } from "../../service/src/stores/open.ts";
import { asRoot, runAsRoot } from "../support/as-root.ts";
import { admin, F_MS, FAST_LEASE, mintStatus, until } from "../support/managed-service.ts";
import { ask } from "../support/raw-http.ts";
import { type RunningService, withService } from "../support/service-process.ts";

/** A service over a SQLite file in a folder. */
const over = (folder: string) => ({
  ...FAST_LEASE,
  MACP_AUTH_STORE_URL: `sqlite:${join(folder, "keys.db")}`,
});

const readiness = async (service: RunningService) => (await admin(service, "/readyz")).body;

/** Reads a SQLite file in one transaction that lasts until the signal. Calls `begun` when it has read. */
async function readUntil(path: string, end: AbortSignal, begun: () => void): Promise<void> {
  const database = await openAdapter({ kind: "sqlite", path });
  try {
    await database.read(async (query) => {
      await query("SELECT version FROM key_sets");
      begun();
      if (!end.aborted) await once(end, "abort");
    });
  } finally {
    await database.close();
  }
}

/** Writes a file until its disk has no free page, also when others write at the same time. */
async function fillDisk(path: string): Promise<void> {
  const file = await open(path, "w");
  const page = Buffer.alloc(4096);
  try {
    for (;;) await file.write(page);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ENOSPC") throw thrown;
  } finally {
    await file.close();
  }
}

/** It holds its lease no longer than F, says why it is not ready, and recovers without a restart. */
async function fencesAndComesBack(
  service: RunningService,
  fault: RegExp,
  { breakDisk, fixDisk }: { readonly breakDisk: () => unknown; readonly fixDisk: () => unknown },
): Promise<void> {
  expect(await mintStatus(service)).toBe(200);
  await breakDisk();
  await until(async () => (await mintStatus(service)) === 503);
  expect((await ask(service.port, { path: "/.well-known/jwks.json" })).status).toBe(503);
  expect(await readiness(service)).toEqual({ ready: false, reasons: ["lease_expired"] });
  await sleep(2 * F_MS);
  expect(await mintStatus(service)).toBe(503);
  expect((await service.event("key_store_unavailable"))["fault"]).toMatch(fault);
  await fixDisk();
  await until(async () => (await mintStatus(service)) === 200);
  expect(await readiness(service)).toEqual({ ready: true, reasons: [] });
}

describe("a replica whose SQLite file can be read but not written is fenced, and recovers without a restart,", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-disk-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test.skipIf(process.platform !== "linux")("when its process may write no file", async () => {
    await withService(over(folder), async (service) => {
      const limit = (bytes: string) =>
        execFileSync("prlimit", ["--pid", String(service.pid), `--fsize=${bytes}:`]);
      await fencesAndComesBack(service, /SQLite/, {
        breakDisk: () => limit("0"),
        fixDisk: () => limit("unlimited"),
      });
    });
  });

  test.skipIf(asRoot === undefined)(
    "when its disk is full (skipped: only root may mount a small disk)",
    async () => {
      const disk = join(folder, "disk");
      await mkdir(disk);
      let reading: Promise<void> | undefined;
      const kept = new AbortController();
      runAsRoot("mount", "-t", "tmpfs", "-o", "size=1m,mode=1777", "tmpfs", disk);
      try {
        const filler = join(disk, "filler");
        await withService(over(disk), (service) =>
          fencesAndComesBack(service, /full/, {
            breakDisk: async () => {
              // A reader, such as a backup, keeps SQLite from writing over what it logged before: it needs new room.
              await new Promise<void>((begun, failed) => {
                reading = readUntil(join(disk, "keys.db"), kept.signal, begun);
                reading.catch(failed);
              });
              await fillDisk(filler);
            },
            fixDisk: () => rm(filler),
          }),
        );
      } finally {
        // The disk is busy while the reader has its file open. A fault of the reader must not hide the one of the test.
        kept.abort();
        await reading?.catch(() => undefined);
        runAsRoot("umount", disk);
      }
    },
  );
});

import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startOwnPostgres } from "../../service/src/testing/postgres/own-postgres.ts";
import { postgresPlace, type StoredPlace } from "../../service/src/testing/store-places.ts";
import { asRoot, runAsRoot } from "../support/as-root.ts";
import { until } from "../support/managed-service.ts";
import { type RunningService, withService } from "../support/service-process.ts";
import { type TcpProxy, tcpProxy } from "../support/tcp-proxy.ts";
import { hasStrace, injected } from "./faults/injected.ts";
import { processesOf } from "./faults/postgres-processes.ts";
import { resumes } from "./faults/resumes.ts";
import { expectNone, faultsOf } from "./minters.ts";
import { percentile, RECORDING, RecordedLoad } from "./recorded-load.ts";

const POSTGRES = process.env["MACP_TEST_POSTGRES_URL"] || undefined;

if ((!hasStrace || POSTGRES === undefined) && process.env["CI"] === "true")
  throw new Error("strace or MACP_TEST_POSTGRES_URL is missing, and in CI nothing is skipped");

describe("a ledger whose SQLite file", () => {
  let folder: string;
  let url: string;
  let endInjection: (() => Promise<void>) | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-outage-"));
    url = `sqlite:${join(folder, "keys.db")}`;
  });
  afterEach(async () => {
    await endInjection?.();
    endInjection = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  /** Injects into the waits for the disk of a process from now on. */
  const inject = async (service: RunningService, what: string): Promise<void> => {
    endInjection = await injected(service, "fdatasync,fsync", what);
  };

  test.skipIf(process.platform !== "linux")(
    "cannot grow mints nothing, serves all else, and resumes by itself",
    async () => {
      await withService({ ...RECORDING, MACP_AUTH_STORE_URL: url }, async (service) => {
        const limit = (bytes: string) =>
          execFileSync("prlimit", ["--pid", String(service.pid), `--fsize=${bytes}:`]);
        await resumes(service, url, { breakStore: () => limit("0"), fixStore: () => limit("unlimited") });
      });
    },
  );

  test.skipIf(asRoot === undefined)(
    "is on a full disk mints nothing, serves all else, and resumes by itself (skipped: only root may mount a small disk)",
    async () => {
      const disk = join(folder, "disk");
      await mkdir(disk);
      runAsRoot("mount", "-t", "tmpfs", "-o", "size=8m,mode=1777", "tmpfs", disk);
      const [own, filler] = [`sqlite:${join(disk, "keys.db")}`, join(disk, "filler")];
      try {
        await withService({ ...RECORDING, MACP_AUTH_STORE_URL: own }, (service) =>
          resumes(service, own, {
            breakStore: () => spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=4k"]),
            fixStore: () => rm(filler),
          }),
        );
      } finally {
        runAsRoot("umount", disk);
      }
    },
  );

  test.skipIf(!hasStrace)(
    "cannot be flushed eleven times loses no token that left (skipped without strace)",
    async () => {
      await withService({ ...RECORDING, MACP_AUTH_STORE_URL: url }, async (service) => {
        const load = new RecordedLoad(service);
        await load.mint();
        await inject(service, "error=EIO:when=20..30");
        const clients = load.run(4);
        await until(() => Promise.resolve(load.answers.some(({ status }) => status === 503)));
        const before = load.tokens.size;
        await until(() => Promise.resolve(load.tokens.size > before + 50));
        load.stop();
        await clients;
        await service.stop("SIGKILL");
        expectNone(await faultsOf(url, load.tokens));
      });
    },
  );

  test.skipIf(!hasStrace)(
    "needs 50 ms for each flush slows mints, and rejects none (skipped without strace)",
    async () => {
      await withService({ ...RECORDING, MACP_AUTH_STORE_URL: url }, async (service) => {
        const load = new RecordedLoad(service);
        await load.mint();
        await inject(service, "delay_enter=50000");
        const clients = load.run(16);
        await sleep(3_000);
        load.stop();
        await clients;
        const rate = load.tokens.size / 3;
        console.log(
          `${rate.toFixed(0)} tokens/s, p50 ${String(percentile(load.answers, 0.5))} ms, p99 ${String(percentile(load.answers, 0.99))} ms`,
        );
        expect(load.answers.filter(({ status }) => status !== 200)).toEqual([]);
        await service.stop("SIGKILL");
        expectNone(await faultsOf(url, load.tokens));
      });
    },
  );
});

describe.skipIf(POSTGRES === undefined)(
  "a ledger whose PostgreSQL (skipped: set MACP_TEST_POSTGRES_URL)",
  () => {
    let place: StoredPlace;
    let proxy: TcpProxy;
    let through: string;
    beforeEach(async () => {
      place = await postgresPlace();
      proxy = await tcpProxy(Number(new URL(place.url).port));
      const url = new URL(place.url);
      url.port = String(proxy.port);
      through = url.href;
    });
    afterEach(async () => {
      await proxy.close();
      await place.remove();
    });

    test.each(["freeze", "cut"] as const)(
      "goes away (%s) mints nothing, serves all else, and resumes by itself",
      async (how) => {
        await withService({ ...RECORDING, MACP_AUTH_STORE_URL: through }, (service) =>
          resumes(service, place.url, { breakStore: () => proxy[how](), fixStore: () => proxy.restore() }),
        );
      },
    );

    test.skipIf(process.platform !== "linux")(
      "stands still with all its processes (SIGSTOP) mints nothing, serves all else, and resumes by itself",
      { timeout: 120_000 },
      async () => {
        const own = await startOwnPostgres();
        const processes = await processesOf(own.url);
        const go = (): void => {
          processes.signal("CONT");
        };
        try {
          await withService({ ...RECORDING, MACP_AUTH_STORE_URL: own.url }, (service) =>
            resumes(service, own.url, {
              breakStore: () => {
                processes.signal("STOP");
              },
              fixStore: go,
            }),
          );
        } finally {
          go();
          await own.stop();
        }
      },
    );

    test("answers 200 ms late slows mints, and every answer comes within the deadline", async () => {
      await withService({ ...RECORDING, MACP_AUTH_STORE_URL: through }, async (service) => {
        const load = new RecordedLoad(service);
        await load.mint();
        proxy.slow(() => 200);
        const clients = load.run(16);
        await sleep(5_000);
        load.stop();
        await clients;
        proxy.restore();
        const rejected = load.answers.filter(({ status }) => status !== 200).length;
        console.log(
          `${String(load.tokens.size)} tokens, ${String(rejected)} rejected, p50 ${String(percentile(load.answers, 0.5))} ms, p99 ${String(percentile(load.answers, 0.99))} ms`,
        );
        expect(load.tokens.size).toBeGreaterThan(16);
        await service.stop();
        expectNone(await faultsOf(place.url, load.tokens));
      });
    });
  },
);

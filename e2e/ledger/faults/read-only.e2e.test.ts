import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { until } from "../../support/managed-service.ts";
import { ask } from "../../support/raw-http.ts";
import { runToExit, withService } from "../../support/service-process.ts";
import { expectNone, faultsOf } from "../minters.ts";
import { RECORDED_REFUSAL, RECORDING, RecordedLoad } from "../recorded-load.ts";
import { hasStrace, injected } from "./injected.ts";
import { type LoopDisk, loopDisk, mayMount } from "./loop-disk.ts";
import { resumes } from "./resumes.ts";

if ((!hasStrace || !mayMount) && process.env["CI"] === "true")
  throw new Error("strace is missing, or no disk may be mounted, and in CI nothing is skipped");

describe.skipIf(!mayMount)(
  "a ledger whose disk (skipped: only root may mount one, and it needs mkfs.ext4, python3 and a loop device)",
  () => {
    let disk: LoopDisk;
    let url: string;
    beforeEach(async () => {
      disk = await loopDisk();
      url = `sqlite:${join(disk.path, "keys.db")}`;
    });
    afterEach(() => disk.remove());

    test("becomes read-only mints nothing and serves all else; killed then, it does not start, and once the disk is writable it has every token that left", async () => {
      const env = { ...RECORDING, MACP_AUTH_STORE_URL: url };
      const left = await withService(env, async (service) => {
        const load = new RecordedLoad(service);
        const clients = load.run(4);
        await until(() => Promise.resolve(load.tokens.size > 50));
        disk.becomeReadOnly();
        const rejected = () => load.answers.filter(({ status }) => status !== 200);
        await until(() => Promise.resolve(rejected().length > 10));
        for (const path of ["/.well-known/jwks.json", "/healthz"])
          expect([path, (await ask(service.port, { path })).status]).toEqual([path, 200]);
        const line = await service.event("ledger_unavailable");
        expect([line["fault"], line["fix"]]).toEqual([
          expect.stringContaining("keys.db"),
          expect.stringMatching(/disk|writable/),
        ]);
        load.stop();
        await clients;
        expect(new Set(rejected().map(({ status, text }) => `${String(status)} ${text}`))).toEqual(
          new Set([RECORDED_REFUSAL]),
        );
        await service.stop("SIGKILL");
        return load.tokens;
      });
      disk.restart("ro");
      const start = await runToExit(env);
      expect([start.code, start.stderr.join("\n")]).toEqual([
        1,
        expect.stringContaining("on a file system that is mounted read-only; mount it writable"),
      ]);
      disk.makeWritable();
      await withService(env, async (service) => {
        const load = new RecordedLoad(service);
        expect((await load.mint()).status).toBe(200);
        await service.stop();
        expectNone(await faultsOf(url, new Map([...left, ...load.tokens])));
      });
    });

    test("stands still mints nothing, serves all else, and resumes by itself", async () => {
      let isFrozen = false;
      const thaw = () => {
        if (isFrozen) disk.thaw();
        isFrozen = false;
      };
      try {
        await withService({ ...RECORDING, MACP_AUTH_STORE_URL: url }, (service) =>
          resumes(service, url, {
            breakStore: () => {
              disk.freeze();
              isFrozen = true;
            },
            fixStore: thaw,
          }),
        );
      } finally {
        thaw();
      }
    });
  },
);

test.skipIf(!hasStrace)(
  "a ledger whose file is read-only for a while mints nothing, serves all else, and resumes by itself (skipped without strace)",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "macp-auth-read-only-"));
    const url = `sqlite:${join(folder, "keys.db")}`;
    await withService({ ...RECORDING, MACP_AUTH_STORE_URL: url }, async (service) => {
      let end: (() => Promise<void>) | undefined;
      await resumes(service, url, {
        breakStore: async () => {
          end = await injected(service, "pwrite64,ftruncate,fallocate,fdatasync,fsync", "error=EROFS");
        },
        fixStore: () => end?.(),
      });
    });
    await rm(folder, { recursive: true });
  },
);

import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { onPostgresAt } from "../../service/src/testing/postgres/postgres-server.ts";
import { hasStrace } from "./faults/injected.ts";
import { type LoopDisk, loopDisk, mayMount } from "./faults/loop-disk.ts";
import { processesOf } from "./faults/postgres-processes.ts";
import { expectNone, faultsOf, type Minted, minted } from "./minters.ts";

/** `MACP_POWER_LOSSES=50`: the long proof. */
const CYCLES = Number(process.env["MACP_POWER_LOSSES"] || 3);
/** Every flush is said to have been done, and is not. */
const WITHOUT_FLUSHES = [
  "strace",
  "-f",
  "-qq",
  "-o",
  "/dev/null",
  "-e",
  "trace=fdatasync,fsync",
  "-e",
  "inject=fdatasync,fsync:retval=0",
];
const TOOL = fileURLToPath(new URL("../../tools/postgres.sh", import.meta.url));
const POSTGRES = process.env["MACP_TEST_POSTGRES_URL"] || undefined;

/** Mints until the power of the disk fails at some moment. */
function mintedUntilCut(
  url: string,
  { under = [], cut }: { readonly under?: readonly string[]; readonly cut: (group: number) => unknown },
): Promise<Minted> {
  return minted(url, {
    tokens: 1_000_000,
    under,
    endAfter: async (tokens, group) => {
      while (tokens() < 20) await sleep(5);
      await sleep(Math.random() * 400);
      await cut(group);
    },
  });
}

describe.skipIf(!mayMount)(
  "the power of a machine fails while a ledger is written (skipped: only root may mount a disk, and it needs mkfs.ext4, python3 and a loop device)",
  () => {
    let disk: LoopDisk;
    let url: string;
    beforeEach(async () => {
      disk = await loopDisk();
      url = `sqlite:${join(disk.path, "keys.db")}`;
    });
    afterEach(() => disk.remove());

    /** And starts the machine again. */
    const cut = async (under: readonly string[] = []): Promise<Minted> => {
      const outcome = await mintedUntilCut(url, {
        under,
        cut: (group) => {
          disk.cutPower(group);
        },
      });
      disk.restart();
      return outcome;
    };

    test("every token that had left is there, and the ledger is whole", { timeout: 1_200_000 }, async () => {
      const tokens = new Map<string, string>();
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        for (const [jti, digest] of (await cut()).tokens) tokens.set(jti, digest);
        expectNone(await faultsOf(url, tokens));
      }
      console.log(`SQLite: ${String(CYCLES)} power losses, ${String(tokens.size)} tokens had left`);
    });

    test.skipIf(!hasStrace)(
      "and tokens are missing where the disk is not waited for, which these tests see",
      async () => {
        await minted(url, { tokens: 1 });
        const { tokens } = await cut(WITHOUT_FLUSHES);
        const faults = await faultsOf(url, tokens).catch((thrown: unknown) => [String(thrown)]);
        expect(faults).not.toEqual([]);
      },
    );
  },
);

describe.skipIf(!mayMount || POSTGRES === undefined)(
  "the power of a machine with PostgreSQL fails while a ledger is written (skipped: only root may mount a disk; set MACP_TEST_POSTGRES_URL, to show that this machine has PostgreSQL)",
  () => {
    let disk: LoopDisk;
    let folder: string;
    let url: string;
    const tool = async (what: "again" | "start" | "stop") =>
      (await promisify(execFile)("bash", [TOOL, what, folder])).stdout.trim();
    beforeEach(async () => {
      // A new cluster takes 40 MB, and each file of its log 16.
      disk = await loopDisk(512);
      folder = join(disk.path, "cluster");
      url = await tool("start");
      // It was made without a flush.
      disk.flush();
    });
    afterEach(async () => {
      await tool("stop").catch(() => undefined);
      await disk.remove();
    });

    /** And starts the machine again, with its server. */
    const cut = async (): Promise<Minted> => {
      const processes = await processesOf(url);
      const outcome = await mintedUntilCut(url, {
        cut: (group) => {
          disk.cutPower(group);
          processes.signal("KILL");
        },
      });
      disk.restart();
      await tool("again");
      return outcome;
    };

    test("each token that had left is there, and the ledger is whole", { timeout: 1_200_000 }, async () => {
      const tokens = new Map<string, string>();
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        for (const [jti, digest] of (await cut()).tokens) tokens.set(jti, digest);
        expectNone(await faultsOf(url, tokens));
      }
      console.log(`PostgreSQL: ${String(CYCLES)} power losses, ${String(tokens.size)} tokens had left`);
    });

    test("and entries are missing where PostgreSQL does not wait for its disk, which these tests see", async () => {
      await minted(url, { tokens: 1 });
      await onPostgresAt(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()");
      const { tokens } = await cut();
      const faults = await faultsOf(url, tokens).catch((thrown: unknown) => [String(thrown)]);
      expect(faults).not.toEqual([]);
    });
  },
);

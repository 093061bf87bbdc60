import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { asRoot, runAsRoot } from "../support/as-root.ts";
import { expectNone, faultsOf, type Minted, minted } from "./minters.ts";

/** `MACP_POWER_LOSSES=50`: the long proof. */
const CYCLES = Number(process.env["MACP_POWER_LOSSES"] || 3);
const hasTools = ["mkfs.ext4", "python3", "strace"].every(
  (tool) => spawnSync(tool, ["-V"]).error === undefined,
);
const mayMount = asRoot !== undefined && hasTools && mayUseLoop();

/** Ends a file system as a power cut ends it: what was not flushed is lost (EXT4_IOC_SHUTDOWN with NOLOGFLUSH). */
const CUT = "import os,fcntl,struct,sys; fcntl.ioctl(os.open(sys.argv[1],0),0x8004587D,struct.pack('I',2))";
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

function mayUseLoop(): boolean {
  return spawnSync([...(asRoot ?? []), "losetup"].join(" "), ["-f"], { shell: true }).status === 0;
}

describe.skipIf(!mayMount)(
  "the power of a machine fails while a ledger is written (skipped: only root may mount a disk, and it needs mkfs.ext4, python3, strace and a loop device)",
  () => {
    let folder: string;
    let disk: string;
    const mount = () => runAsRoot("mount", "-o", "loop", join(folder, "image"), disk);
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), "macp-auth-power-"));
      disk = join(folder, "disk");
      await mkdir(disk);
      execFileSync("truncate", ["-s", "64M", join(folder, "image")]);
      runAsRoot("mkfs.ext4", "-q", "-F", join(folder, "image"));
      mount();
      runAsRoot("chmod", "0777", disk);
    });
    afterEach(async () => {
      spawnSync([...(asRoot ?? []), "umount", disk].join(" "), { shell: true });
      await rm(folder, { recursive: true, force: true });
    });

    /** Mints until the power fails at some moment, and starts the machine again. */
    const cut = async (url: string, under: readonly string[] = []): Promise<Minted> => {
      const outcome = await minted(url, {
        tokens: 1_000_000,
        under,
        endAfter: async (tokens) => {
          while (tokens() < 20) await sleep(5);
          await sleep(Math.random() * 400);
          runAsRoot("python3", "-c", CUT, disk);
        },
      });
      runAsRoot("umount", disk);
      mount();
      return outcome;
    };

    test("every token that had left is there, and the ledger is whole", {
      timeout: 1_200_000,
    }, async () => {
      const url = `sqlite:${join(disk, "keys.db")}`;
      const tokens = new Map<string, string>();
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        for (const [jti, digest] of (await cut(url)).tokens) tokens.set(jti, digest);
        expectNone(await faultsOf(url, tokens));
      }
      console.log(`${String(CYCLES)} power losses, ${String(tokens.size)} tokens had left`);
    });

    test("and tokens are missing where the disk is not waited for, which these tests see", async () => {
      const url = `sqlite:${join(disk, "keys.db")}`;
      await minted(url, { tokens: 1 });
      const { tokens } = await cut(url, WITHOUT_FLUSHES);
      const faults = await faultsOf(url, tokens).catch((thrown: unknown) => [String(thrown)]);
      expect(faults).not.toEqual([]);
    });
  },
);

import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigError } from "../../kernel/faults.ts";
import { readKeyFile } from "./read-key-file.ts";

const MEBIBYTE = 1_048_576;

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-read-"));
  path = join(folder, "key");
});
afterEach(() => rm(folder, { recursive: true }));

/** The faults with which the file is refused. */
async function faultsOf(refused: string): Promise<readonly string[]> {
  const thrown: unknown = await readKeyFile("KEY_FILE", refused).catch((fault: unknown) => fault);
  expect(thrown).toBeInstanceOf(ConfigError);
  return (thrown as ConfigError).faults;
}

test("a file is read to its last byte, also behind a symbolic link", async () => {
  const text = "é".repeat(MEBIBYTE / 2);
  await writeFile(path, text);
  await symlink(path, join(folder, "link"));
  expect(await readKeyFile("KEY_FILE", path)).toBe(text);
  expect(await readKeyFile("KEY_FILE", join(folder, "link"))).toBe(text);
});

test("a path that looks like a key is shown where it leads to something, and else not", async () => {
  const odd = join(folder, `of production ${"2026k".repeat(8)}`);
  expect(await faultsOf(odd)).toEqual([expect.stringMatching(/^KEY_FILE: \(not shown: .*\) does not exist/)]);
  await writeFile(odd, "x".repeat(MEBIBYTE + 1));
  expect(await faultsOf(odd)).toEqual([expect.stringContaining(`KEY_FILE: ${odd} is larger`)]);
  await rm(odd);
  await mkdir(odd);
  expect(await faultsOf(odd)).toEqual([expect.stringContaining(`KEY_FILE: ${odd} is not a regular file`)]);
});

test("a file with one byte more than a mebibyte is refused", async () => {
  await writeFile(path, "x".repeat(MEBIBYTE + 1));
  expect(await faultsOf(path)).toEqual([
    `KEY_FILE: ${path} is larger than 1 MiB, so it is not a key file; name the file of a key`,
  ]);
});

test("a file that is not there is refused with the reason of the system", async () => {
  expect(await faultsOf(path)).toEqual([
    `KEY_FILE: ${path} does not exist (ENOENT); check the path, and that its folder is mounted`,
  ]);
});

test.skipIf(process.platform === "win32")(
  "what is not a regular file is refused at once: a pipe without a writer, a device without an end, a folder, a socket",
  async () => {
    execFileSync("mkfifo", [path]);
    await symlink(path, join(folder, "link"));
    const socket = createServer();
    await new Promise<void>((resolve) => socket.listen(join(folder, "socket"), resolve));
    try {
      for (const odd of [path, join(folder, "link"), "/dev/zero", folder, join(folder, "socket")]) {
        expect(await faultsOf(odd)).toEqual([
          `KEY_FILE: ${odd} is not a regular file; name a file, not a folder, a pipe or a device`,
        ]);
      }
    } finally {
      socket.close();
    }
  },
);

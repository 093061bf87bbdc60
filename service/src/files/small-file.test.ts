import { execFileSync } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readSmallFile, readSmallInput } from "./small-file.ts";

const MEBIBYTE = 1_048_576;

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-read-"));
  path = join(folder, "key");
});
afterEach(() => rm(folder, { recursive: true }));

test("a file is read to its last byte, also behind a symbolic link", async () => {
  const text = "é".repeat(MEBIBYTE / 2);
  await writeFile(path, text);
  await symlink(path, join(folder, "link"));
  for (const read of [readSmallFile, readSmallInput])
    for (const name of [path, join(folder, "link")]) expect(await read(name)).toBe(text);
});

test("a file that claims no size is read too", async () => {
  expect(await readSmallFile("/proc/self/mountinfo")).toContain("/proc");
});

test("a file with one byte more than a mebibyte is rejected", async () => {
  await writeFile(path, "x".repeat(MEBIBYTE + 1));
  for (const read of [readSmallFile, readSmallInput])
    await expect(read(path)).rejects.toMatchObject({ name: "FileFault", kind: "too-large", path });
});

test("a file that is not there is rejected with the reason of the system", async () => {
  for (const read of [readSmallFile, readSmallInput])
    await expect(read(path)).rejects.toMatchObject({ kind: "unreadable", path, code: "ENOENT" });
});

test.skipIf(process.platform === "win32")(
  "what is not a regular file is rejected at once: a pipe without a writer, a device without an end, a folder, a socket",
  async () => {
    execFileSync("mkfifo", [path]);
    await symlink(path, join(folder, "link"));
    const socket = createServer();
    await new Promise<void>((resolve) => socket.listen(join(folder, "socket"), resolve));
    try {
      for (const odd of [path, join(folder, "link"), "/dev/zero", folder, join(folder, "socket")])
        await expect(readSmallFile(odd)).rejects.toMatchObject({ kind: "not-regular", path: odd });
    } finally {
      socket.close();
    }
  },
);

test.skipIf(process.platform === "win32")(
  "what a person names in a call may be a pipe, and is read until its writer ends; a device without an end is too large",
  async () => {
    execFileSync("mkfifo", [path]);
    const read = readSmallInput(path);
    await writeFile(path, "from the other end");
    expect(await read).toBe("from the other end");
    await expect(readSmallInput("/dev/zero")).rejects.toMatchObject({ kind: "too-large" });
  },
);

import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lookAtFile } from "./file-facts.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "doctor-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a key file is described by its mode, its time and every folder above it", async () => {
  const path = join(folder, "key.json");
  await writeFile(path, "secret");
  await chmod(path, 0o640);
  await utimes(path, 1_700_000_000, 1_700_000_000.9);
  const facts = await lookAtFile(path);
  expect(facts).toMatchObject({ path, mode: 0o640, modifiedAt: 1_700_000_000 });
  expect(facts?.folders.map((above) => above.path)).toEqual(expect.arrayContaining([folder, "/"]));
});

test("the folders behind a symbolic link count as well as those above its name", async () => {
  const [open, closed] = [join(folder, "open"), join(folder, "closed")];
  await mkdir(open);
  await mkdir(closed);
  await chmod(open, 0o777);
  await writeFile(join(open, "key.json"), "secret");
  await symlink(join(open, "key.json"), join(closed, "key.json"));
  const facts = await lookAtFile(join(closed, "key.json"));
  expect(facts?.folders).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ path: open, mode: 0o777 }),
      expect.objectContaining({ path: closed }),
    ]),
  );
});

test("a file that is not there is not described", async () => {
  expect(await lookAtFile(join(folder, "absent"))).toBeUndefined();
});

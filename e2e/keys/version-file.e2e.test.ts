import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runToExit, withService } from "../support/service-process.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-version-"));
});
afterAll(() => rm(folder, { recursive: true }));

const managed = () => ({
  MACP_AUTH_STORE_URL: `sqlite:${join(folder, "keys.db")}`,
  MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
});

test("a version file that cannot be written ends the start: it would protect from no old backup", async () => {
  const { code, stderr } = await runToExit({
    ...managed(),
    MACP_AUTH_KEY_VERSION_FILE: join(folder, "absent", "version"),
  });
  expect(code).toBe(1);
  expect(stderr).toEqual([
    `macp-auth: MACP_AUTH_KEY_VERSION_FILE: ${join(folder, "absent", "version")} cannot be written (ENOENT); correct the path or its permissions`,
  ]);
});

test("a version file that can be written holds the version that the replica has seen", async () => {
  const path = join(folder, "version");
  await withService({ ...managed(), MACP_AUTH_KEY_VERSION_FILE: path }, () => Promise.resolve());
  expect(await readFile(path, "utf8")).toMatch(/^[1-9]\n$/);
});

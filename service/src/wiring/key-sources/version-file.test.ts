import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../../config/config-error.ts";
import { replaceFile } from "../../files/write-file.ts";
import { readVersionFile } from "./version-file.ts";

describe("the file that remembers the newest key set", () => {
  let folder: string;
  let path: string;
  const read = () => readVersionFile("VERSION_FILE", path);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-version-"));
    path = join(folder, "version");
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("is 0 when there is none, and gives back what was written last", async () => {
    expect(await read()).toBe(0);
    for (const version of [1, 12, 999_999_999_999_999]) {
      await replaceFile(path, `${String(version)}\n`);
      expect(await read()).toBe(version);
    }
  });

  test.each(["", "-1", "1.5", "seven", "0x7", "1 2", "1234567890123456"])(
    "is a fault for the operator when it holds %j: a version that was forgotten must not pass for 0",
    async (text) => {
      await writeFile(path, text);
      await expect(read()).rejects.toThrow(ConfigError);
      await expect(read()).rejects.toThrow(/^VERSION_FILE: .* holds no version/);
    },
  );

  test("is a fault for the operator when it cannot be read", async () => {
    await mkdir(path);
    await expect(read()).rejects.toThrow(/is not a regular file; name a file, not a folder/);
  });
});

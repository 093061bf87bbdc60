import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../../kernel/faults.ts";
import { readVersionFile, writeVersionFile } from "./version-file.ts";

describe("the file that remembers the newest key set", () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-version-"));
    path = join(folder, "version");
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("is 0 when there is none, and gives back what was written last", async () => {
    expect(await readVersionFile(path)).toBe(0);
    for (const version of [1, 12, 999_999_999_999_999]) {
      await writeVersionFile(path, version);
      expect(await readVersionFile(path)).toBe(version);
    }
    expect(await readdir(folder)).toEqual(["version"]);
  });

  test("is for its owner alone, whatever the umask", async () => {
    const before = process.umask(0);
    await writeVersionFile(path, 7).finally(() => process.umask(before));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("is written though an earlier try was cut off and left its draft", async () => {
    await writeFile(`${path}.8.new`, "half of it");
    await writeVersionFile(path, 8);
    expect(await readFile(path, "utf8")).toBe("8\n");
  });

  test.each(["", "-1", "1.5", "seven", "0x7", "1 2", "1234567890123456"])(
    "is a fault for the operator when it holds %j: a version that was forgotten must not pass for 0",
    async (text) => {
      await writeFile(path, text);
      await expect(readVersionFile(path)).rejects.toThrow(ConfigError);
      await expect(readVersionFile(path)).rejects.toThrow(/^MACP_AUTH_KEY_VERSION_FILE: .* holds no version/);
    },
  );

  test("is a fault for the operator when it cannot be read", async () => {
    await mkdir(path);
    await expect(readVersionFile(path)).rejects.toThrow(/is not a regular file; name a file, not a folder/);
  });
});

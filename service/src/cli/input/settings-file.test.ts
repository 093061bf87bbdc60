import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CommandEnd } from "../terminal/command-end.ts";
import type { World } from "../terminal/world.ts";
import { withSettingsFile } from "./settings-file.ts";

describe("a settings file", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-settings-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** The environment that comes of a file with this content, or the fault with the path as FILE. */
  async function environmentOf(
    content: string | Uint8Array,
    environment: World["environment"] = {},
  ): Promise<unknown> {
    const path = join(folder, "some.env");
    await writeFile(path, content);
    try {
      const given = await withSettingsFile(["serve", "--settings", path], { environment } as World);
      return given.world.environment;
    } catch (thrown) {
      if (!(thrown instanceof CommandEnd)) throw thrown;
      return `${String(thrown.exitCode)}: ${thrown.lines.join("\n").replaceAll(path, "FILE")}`;
    }
  }

  test("gives its variables, and the environment of the process has priority", async () => {
    expect(await environmentOf("# ours\n\nPORT=1\nexport HOST='::1'\nURL=a#b # c\n", { PORT: "2" })).toEqual({
      PORT: "2",
      HOST: "::1",
      URL: "a#b",
    });
  });

  test("loses no variable to a byte order mark", async () => {
    expect(await environmentOf("\uFEFFHOST=127.0.0.1\n")).toEqual({ HOST: "127.0.0.1" });
  });

  test.each([
    ["HOST 127.0.0.1\n", 1],
    ["PORT=1\nPORT: 1\n", 2],
    ["\nHOST\n", 2],
    ['A="one\nHOST=127.0.0.1\n', 1],
    ["A='one\ntwo'\n", 1],
    ["A=`one\n", 1],
    ['A="one" two\n', 1],
    ["1A=x\n", 1],
    ["=x\n", 1],
    ["A=1\rB=2", 1],
  ])(
    "is rejected for %j, with the number of the line and nothing of what stands there",
    async (text, line) => {
      expect(await environmentOf(text)).toBe(`1: FILE line ${String(line)} is not NAME=VALUE; correct it`);
    },
  );

  test.each([
    ["not UTF-8", Buffer.from("# caf\xe9\nHOST=127.0.0.1\n", "latin1")],
    ["UTF-16", Buffer.from("\uFEFFHOST=127.0.0.1\n", "utf16le")],
    ["binary", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0x00, 0x0a])],
  ])("that is %s is rejected", async (_kind, bytes) => {
    expect(await environmentOf(bytes)).toBe("1: FILE is not UTF-8 text; name a file of NAME=VALUE lines");
  });
});

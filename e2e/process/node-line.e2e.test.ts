import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { doctor } from "../support/run-doctor.ts";
import { BOOT_MS_MAX, runToExit, withService } from "../support/service-process.ts";

/** The tests also run on newer lines of Node: there neither reports anything. */
test("the log of the start warns about this Node in one line exactly when doctor does, and in its words", {
  timeout: BOOT_MS_MAX,
}, async () => {
  const { findings } = await doctor([]);
  const warnings = findings.filter(({ check, grade }) => check === "node" && grade === "warn");
  await withService({ HOST: "127.0.0.1" }, async (service) => {
    await service.event("ephemeral_key");
    const lines = service.events("node_end_of_life");
    expect(lines).toHaveLength(warnings.length);
    if (process.version.startsWith("v20."))
      expect(lines[0]?.["message"]).toContain(
        `Node ${process.version} has had no security fixes since 2026-04-30`,
      );
    for (const { found } of warnings)
      expect(String(lines[0]?.["message"]).startsWith(`${found}; `)).toBe(true);
  });
});

describe("a Node that is too old", { timeout: BOOT_MS_MAX }, () => {
  test.each([
    ["20.17.0", ["serve"]],
    ["18.20.8", ["serve"]],
    ["18.20.8", ["doctor"]],
    ["16.20.2", ["--version"]],
  ])("%s: %j says in one line which Node to install, and ends with 1", async (version, args) => {
    const folder = await mkdtemp(join(tmpdir(), "macp-auth-node-"));
    try {
      const disguise = join(folder, "disguise.cjs");
      await writeFile(
        disguise,
        `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });
         Object.defineProperty(process, "version", { value: "v${version}" });`,
      );
      const finished = await runToExit({ NODE_OPTIONS: `--require=${disguise}` }, args);
      expect(finished).toEqual({
        code: 1,
        stdout: [],
        stderr: [
          `macp-auth: Node v${version} is older than 20.18, which this service needs; install Node 24`,
        ],
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** Whether this machine has the shell and wget of the image. With CI=true their absence is a fault and not a skip. */
export const hasBusybox = spawnSync("busybox", ["wget", "--help"]).error === undefined;
if (!hasBusybox && process.env["CI"] === "true")
  throw new Error("busybox is missing: apt-get install busybox");

/** A folder in which every program that a health line calls is busybox, as in the image. */
const tools = mkdtempSync(join(tmpdir(), "busybox-"));
afterAll(() => {
  rmSync(tools, { recursive: true });
});
if (hasBusybox) {
  const where = spawnSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).stdout.trim();
  for (const tool of ["sh", "wget", "tr", "printf"]) symlinkSync(where, join(tools, tool));
  // With it Debian's wget speaks TLS; that of the image has `ssl_client` for that.
  const openssl = spawnSync("sh", ["-c", "command -v openssl"], { encoding: "utf8" }).stdout.trim();
  if (openssl !== "") symlinkSync(openssl, join(tools, "openssl"));
}

/** Runs a line in busybox's shell with nothing in its environment but these variables; resolves to its exit code and output. */
export function inBusybox(
  line: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(
      join(tools, "sh"),
      ["-c", line],
      { env: { PATH: tools, ...env }, timeout: 3_000, encoding: "utf8" },
      (fault, output) => {
        resolve({ code: fault === null ? 0 : typeof fault.code === "number" ? fault.code : 1, output });
      },
    );
  });
}

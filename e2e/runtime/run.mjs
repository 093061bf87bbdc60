// The stories with a real MACP runtime. `--quick` does about a minute of the rotation story; other arguments go to vitest.
import { spawnSync } from "node:child_process";

const runtime = process.env["MACP_RUNTIME_BIN"] || "macp-runtime";
const args = process.argv.slice(2);
const quick = args.includes("--quick");

if (!isThere(runtime)) {
  if (process.env["MACP_RUNTIME_BIN"]) {
    console.error(`MACP_RUNTIME_BIN is ${runtime}, and that cannot be run.`);
    process.exit(1);
  }
  console.log("e2e:runtime skipped: no macp-runtime on the PATH, and MACP_RUNTIME_BIN is not set.");
  process.exit(0);
}

const { status } = spawnSync(
  "npx",
  [
    "--no",
    "--",
    "vitest",
    "run",
    "--config",
    "vitest.runtime.config.ts",
    ...args.filter((one) => one !== "--quick"),
  ],
  { stdio: "inherit", env: { ...process.env, ...(quick && { MACP_E2E_QUICK: "1" }) } },
);
process.exit(status ?? 1);

/**
 * A dry run of the runtime ends at once, whatever it says; a program that is not there does not start.
 * @param {string} program
 */
function isThere(program) {
  const env = { PATH: process.env["PATH"], MACP_POLICIES_DRY_RUN: "1" };
  return spawnSync(program, [], { env, stdio: "ignore", timeout: 10_000 }).error === undefined;
}

// Has JWT libraries of six languages verify the service's tokens. `--write` writes the table and the code of docs/interop.md,
// which is compared otherwise; other arguments go to vitest.
import { spawnSync } from "node:child_process";

const args = process.argv.slice(2);
const { status } = spawnSync(
  "npx",
  [
    "--no",
    "--",
    "vitest",
    "run",
    "--config",
    "vitest.interop.config.ts",
    ...args.filter((one) => one !== "--write"),
  ],
  {
    stdio: "inherit",
    env: { ...process.env, ...(args.includes("--write") && { MACP_INTEROP_WRITE: "1" }) },
  },
);
process.exit(status ?? 1);

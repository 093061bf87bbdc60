import { defineConfig } from "vitest/config";
import "./tools/own-temp-folder.ts";
import { ClosingLineReporter } from "./tools/closing-line-reporter.ts";

const quick = process.env["MACP_E2E_QUICK"] === "1";

/** The stories with a real MACP runtime: apart from the others, for few machines have one. Started by e2e/runtime/run.mjs. */
export default defineConfig({
  test: {
    name: "runtime",
    include: ["e2e/runtime/*.runtime.test.ts"],
    globalSetup: "e2e/runtime/meet-runtime.ts",
    reporters: ["default", new ClosingLineReporter()],
    // The full run is measured, so it has the machine to itself; the quick one is to be short.
    fileParallelism: quick,
    maxWorkers: 6,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});

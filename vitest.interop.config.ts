import { defineConfig } from "vitest/config";
import "./tools/own-temp-folder.ts";
import { ClosingLineReporter } from "./tools/closing-line-reporter.ts";

/** JWT libraries of other languages verify our tokens: apart from the others, for they need those languages. Started by e2e/interop/run.mjs. */
export default defineConfig({
  test: {
    name: "interop",
    include: ["e2e/interop/*.interop.test.ts"],
    reporters: ["default", new ClosingLineReporter()],
  },
});

import { defineConfig } from "vitest/config";
import "./tools/own-temp-folder.ts";
import { ClosingLineReporter } from "./tools/closing-line-reporter.ts";

export default defineConfig({
  test: {
    reporters: ["default", new ClosingLineReporter()],
    projects: [
      {
        test: {
          name: "unit",
          include: ["service/src/**/*.test.ts"],
          exclude: ["**/*.model.test.ts"],
          // Properties run hundreds of cases, on machines of any speed: a limit for hangs, not for slowness.
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
          // Else one less than the machine has processors, which is one of two.
          maxWorkers: 2,
        },
      },
      {
        // Random histories of a whole deployment, for minutes: apart, so that the unit tests stay quick.
        test: {
          name: "model",
          include: ["service/src/**/*.model.test.ts"],
          sequence: { groupOrder: 0 },
          maxWorkers: 2,
        },
      },
      {
        // Black box: starts what `npm run build` left in dist, so it runs after the unit tests. Three files at a time
        // keep two processors busy: half of the time these tests wait for timeouts of the service.
        test: {
          name: "e2e",
          include: ["e2e/**/*.e2e.test.ts"],
          sequence: { groupOrder: 1 },
          maxWorkers: 3,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        // The tests of the wire once more, to a service that ends TLS itself: what they prove holds over both.
        test: {
          name: "e2e-tls",
          include: [
            "e2e/wire/{wire-*,limits,pipelining,hostile-input,openapi-truth,admin-openapi-truth}.e2e.test.ts",
            "e2e/process/drain.e2e.test.ts",
          ],
          // A start that fails never listens: whether it would speak TLS makes no difference.
          exclude: ["e2e/wire/wire-start.e2e.test.ts"],
          // `fetch` has no other way to accept the certificate of a test.
          env: { MACP_TEST_TLS: "1", NODE_TLS_REJECT_UNAUTHORIZED: "0" },
          sequence: { groupOrder: 2 },
          maxWorkers: 3,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});

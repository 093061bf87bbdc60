import { writeSync } from "node:fs";
import type { Reporter, TestModule, TestRunEndReason } from "vitest/node";

/**
 * Prints `N passed, N failed, N skipped` as the last line of every run. A file that does not load, an
 * error outside a test and a run that never began each make at least one failure.
 */
export class ClosingLineReporter implements Reporter {
  #line = "0 passed, 1 failed, 0 skipped";

  onInit(): void {
    process.once("exit", () => writeSync(1, `${this.#line}\n`));
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandled: readonly unknown[],
    reason: TestRunEndReason,
  ): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) count[test.result().state] += 1;
      if (module.state() === "failed" && !tests.some((test) => test.result().state === "failed"))
        count.failed += 1;
    }
    const unfinished = count.pending + unhandled.length;
    const failed = Math.max(count.failed + unfinished, reason === "passed" ? 0 : 1);
    this.#line = `${String(count.passed)} passed, ${String(failed)} failed, ${String(count.skipped)} skipped`;
  }
}

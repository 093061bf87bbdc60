import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Gives this run of the tests a temporary folder of its own, and removes it when the run ends: what a test that failed or was cut off
 * leaves goes with it. Each configuration of vitest imports this; the processes that run the tests inherit it.
 */
const OURS = "MACP_TEST_TMPDIR";
if (process.env[OURS] === undefined) {
  const folder = mkdtempSync(join(tmpdir(), "macp-test-"));
  // As /tmp is: some tests run programs as another user.
  chmodSync(folder, 0o1777);
  process.env[OURS] = folder;
  process.env["TMPDIR"] = folder;
  process.once("exit", () => {
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    } catch (thrown) {
      console.error(`${folder} is left: ${String(thrown)}`);
    }
  });
}

import { expect, test } from "vitest";
import { loadSettings } from "../config/settings.ts";
import { systemClock } from "../kernel/clock.ts";
import { openLog } from "../telemetry/log.ts";
import { managedCustody } from "./managed-custody.ts";

/** Managed keys in memory, and a log that cannot write the lines of one event. */
async function custodyWhoseLogFailsAt(event: string) {
  const { settings } = loadSettings({ MACP_AUTH_STORE_URL: "memory:", MACP_AUTH_SIGNING_ALG: "ES256" });
  if (settings.keySource.kind !== "managed") throw new Error("the keys of this test are managed");
  const lines: Record<string, unknown>[] = [];
  const log = openLog("info", {
    write(text) {
      const line = JSON.parse(text) as Record<string, unknown>;
      if (line["event"] === event) throw new Error(`the line ${event} cannot be written`);
      lines.push(line);
    },
  });
  return { custody: await managedCustody(settings.keySource, settings, log), lines };
}

test("a report that throws ends no loop: the lease is renewed, and the keys are in force, all the same", async () => {
  const { custody, lines } = await custodyWhoseLogFailsAt("key_changed");
  const signs = () => custody.directory.viewAt(systemClock.now()).signing !== undefined;
  await custody.keep();
  expect(lines).toMatchObject([
    { event: "upkeep_failed", fault: "the line key_changed cannot be written" },
    { event: "fenced", reason: "no_active_key" },
  ]);
  // What was changed was changed, and is put in force by the next round of the lease.
  for (const loop of custody.loops) await loop.run();
  expect(signs()).toBe(true);
  expect(lines.at(-1)).toMatchObject({ event: "signing_key_changed" });
  await custody.close();
});

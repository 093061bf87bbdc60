import { expect, test } from "vitest";
import { readSettings } from "../../config/environment.ts";
import { systemClock, systemStopwatch } from "../../kernel/clock.ts";
import { systemRandom } from "../../kernel/random.ts";
import { systemTimers } from "../../kernel/timers.ts";
import { openLog } from "../../telemetry/log.ts";
import { loadKeys } from "../key-sources.ts";

const MACHINE = {
  clock: systemClock,
  stopwatch: systemStopwatch,
  random: systemRandom(),
  timers: systemTimers,
};

/** Managed keys in memory, and a log that cannot write the lines of one event. */
async function upkeepWhoseLogFailsAt(event: string) {
  const read = readSettings({ MACP_AUTH_STORE_URL: "memory:", MACP_AUTH_SIGNING_ALG: "ES256" });
  const lines: Record<string, unknown>[] = [];
  const log = openLog("info", {
    write(text) {
      const line = JSON.parse(text) as Record<string, unknown>;
      if (line["event"] === event) throw new Error(`the line ${event} cannot be written`);
      lines.push(line);
    },
  });
  const loaded = await loadKeys(read, MACHINE.random);
  return { upkeep: await loaded.open(log, MACHINE), lines };
}

test("a report that throws ends no loop: the lease is still renewed, and the keys are still in force", async () => {
  const { upkeep, lines } = await upkeepWhoseLogFailsAt("key_changed");
  const signs = () => upkeep.directory.view().signing !== undefined;
  await upkeep.round();
  expect(lines).toMatchObject([
    { event: "upkeep_failed", fault: "the line key_changed cannot be written" },
    { event: "fenced", reason: "no_signing_key" },
  ]);
  // The change is stored, and the next round of the lease puts it in force.
  for (const loop of upkeep.loops) await loop.run();
  expect(signs()).toBe(true);
  expect(lines.at(-1)).toMatchObject({ event: "signing_key_changed" });
  await upkeep.close();
});

test("a rotation that does not end delays no lease: the lease is renewed however long it takes to make a key", async () => {
  const { upkeep } = await upkeepWhoseLogFailsAt("none");
  await upkeep.round();
  const { managed } = upkeep;
  if (managed === undefined) throw new Error("the keys of this test are managed");
  const [set, waiting] = [managed.keys.set, new Promise<never>(() => undefined)];
  const store = managed.store as { load: () => Promise<unknown> };
  // The rotation plans on a set that it loads; the lease does not.
  store.load = () => waiting;
  const loops = new Map(upkeep.loops.map((loop) => [loop.name, loop]));
  const rotation = loops
    .get("rotation")
    ?.run()
    .then(() => "ended");
  await loops.get("lease")?.run();
  expect(managed.keys.set).not.toBe(set);
  expect(await Promise.race([rotation, Promise.resolve("still waits")])).toBe("still waits");
  await upkeep.close();
});

import { pino } from "pino";
import { expect, test } from "vitest";
import type { WriterWatch } from "../../ledger/writer.ts";
import { TestTimers } from "../../testing/test-timers.ts";
import { openFiling } from "./filing.ts";

test("entries that cannot be filed are seen to wait from their commit on, until they are filed", async () => {
  let now = 100;
  const watches: WriterWatch[] = [];
  const written = () => {
    for (const watch of watches) watch.written(["mint"], 0.001);
  };
  const store = {
    isBroken: false,
    file: () => (store.isBroken ? Promise.reject(new Error("full")) : Promise.resolve()),
  };
  const filing = openFiling(
    store,
    { watch: (watch) => void watches.push(watch) },
    { log: pino({ level: "silent" }), timers: new TestTimers(), stopwatch: { elapsed: () => now } },
  );
  // What an earlier process left.
  now += 1;
  expect(filing.behindSeconds()).toBe(1);
  await filing.loop.run();
  expect(filing.behindSeconds()).toBe(0);

  store.isBroken = true;
  written();
  now += 5;
  await filing.loop.run();
  written();
  now += 5;
  await filing.loop.run();
  expect(filing.behindSeconds()).toBe(10);
  store.isBroken = false;
  await filing.loop.run();
  expect(filing.behindSeconds()).toBe(0);
  now += 60;
  expect(filing.behindSeconds()).toBe(0);
});

test("entries of a round that does not end are seen to wait too", async () => {
  let now = 0;
  let end = (): void => undefined;
  const store = { file: () => new Promise<void>((resolve) => (end = resolve)) };
  const about = {
    log: pino({ level: "silent" }),
    timers: new TestTimers(),
    stopwatch: { elapsed: () => now },
  };
  const filing = openFiling(store, { watch: () => undefined }, about);
  const round = filing.loop.run();
  now = 90;
  expect(filing.behindSeconds()).toBe(90);
  end();
  await round;
  expect(filing.behindSeconds()).toBe(0);
});

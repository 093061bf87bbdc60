import { expect, test } from "vitest";
import { type Log, openLog } from "../telemetry/log.ts";
import { TestTimers } from "../testing/test-timers.ts";
import type { UpkeepLoop } from "../wiring/key-upkeep.ts";
import { startUpkeep } from "./upkeep.ts";

const LINE_LOST = new Error("the line cannot be written");
/** A log that cannot write a line. */
const brokenLog = openLog("info", {
  write() {
    throw LINE_LOST;
  },
});

/** Loops whose rounds come when the test says so. */
function upkeepOf(...loops: readonly UpkeepLoop[]) {
  return upkeepWith(undefined, loops);
}

/** The same with a log of one's own. */
function upkeepWith(log: Log | undefined, loops: readonly UpkeepLoop[]) {
  const lines: Record<string, unknown>[] = [];
  const timers = new TestTimers();
  const stop = startUpkeep(loops, {
    log: log ?? openLog("info", { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) }),
    timers,
  });
  return { tick: () => timers.move(1), stop, timers, lines };
}

test("a loop continues after a round that rejects and after one that throws, and each is logged with its loop", async () => {
  let rounds = 0;
  const { tick, lines } = upkeepOf({
    name: "lease",
    everyMs: 1,
    run() {
      rounds += 1;
      if (rounds === 1) return Promise.reject(new Error("the report was rejected"));
      if (rounds === 2) throw new Error("the report threw");
      return Promise.resolve();
    },
  });
  for (let round = 0; round < 4; round += 1) await tick();
  expect(rounds).toBe(4);
  expect(lines).toMatchObject([
    { event: "upkeep_failed", loop: "lease", fault: "the report was rejected" },
    { event: "upkeep_failed", loop: "lease", fault: "the report threw" },
  ]);
});

test("a loop whose round does not end holds up no other loop, and has one round at a time", async () => {
  let [stuck, free] = [0, 0];
  const { tick } = upkeepOf(
    {
      name: "rotation",
      everyMs: 1,
      run: () => {
        stuck += 1;
        return new Promise(() => undefined);
      },
    },
    {
      name: "lease",
      everyMs: 1,
      run: () => {
        free += 1;
        return Promise.resolve();
      },
    },
  );
  for (let round = 0; round < 3; round += 1) await tick();
  expect([stuck, free]).toEqual([1, 3]);
});

test("the end stops every loop and waits for the rounds under way", async () => {
  let finish = (): void => undefined;
  const { tick, stop, timers } = upkeepOf(
    { name: "rotation", everyMs: 1, run: () => new Promise<void>((resolve) => (finish = resolve)) },
    { name: "lease", everyMs: 1, run: () => Promise.resolve() },
  );
  await tick();
  let isOver = false;
  const over = stop().then(() => (isOver = true));
  await tick();
  expect([timers.waiting, isOver]).toEqual([0, false]);
  finish();
  await over;
  expect(isOver).toBe(true);
});

test("a log that throws at every line ends no loop, not even the line about it", async () => {
  let rounds = 0;
  const { tick } = upkeepWith(brokenLog, [
    {
      name: "lease",
      everyMs: 1,
      run() {
        rounds += 1;
        throw LINE_LOST;
      },
    },
  ]);
  for (let round = 0; round < 3; round += 1) await tick();
  expect(rounds).toBe(3);
});

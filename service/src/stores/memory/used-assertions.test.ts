import { expect, test } from "vitest";
import { after } from "../../kernel/clock.ts";
import { callerId } from "../../testing/callers.ts";
import { describeUsedAssertions } from "../../testing/contracts/used-assertions-contract.ts";
import { TestClock } from "../../testing/moments.ts";
import { memoryUsedAssertions } from "./used-assertions.ts";

describeUsedAssertions("memory", async () => {
  const clock = new TestClock();
  const used = memoryUsedAssertions(clock);
  return { replicas: [used, used], now: clock.now(), close: async () => undefined };
});

test("an assertion in memory is remembered through its last moment, and forgotten after it", async () => {
  const clock = new TestClock();
  const used = memoryUsedAssertions(clock);
  const [ci, until] = [callerId("ci"), after(clock.now(), 330)];
  expect(await used.insert(ci, "a-1", until)).toBe("fresh");
  clock.move(330);
  expect(await used.insert(ci, "a-1", until)).toBe("replayed");
  clock.move(60);
  expect(await used.insert(ci, "a-1", after(until, 600))).toBe("fresh");
});

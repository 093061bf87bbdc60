import { expect, test } from "vitest";
import { clockOf, steadyClock } from "./clock.ts";

test("a steady clock starts at the wall clock's time and follows the stopwatch, also when the wall clock is set", () => {
  let [wall, elapsed] = [1_800_000_000, 50];
  const clock = steadyClock(
    clockOf(() => wall),
    { elapsed: () => elapsed },
  );
  expect(clock.now()).toBe(1_800_000_000);
  wall -= 3_600;
  elapsed += 10.7;
  expect(clock.now()).toBe(1_800_000_010);
  wall += 100_000;
  expect(clock.now()).toBe(1_800_000_010);
});

import { expect, test } from "vitest";
import { duration, utcAndDistance } from "./time.ts";

test.each([
  [0, "0 s"],
  [0.9, "0 s"],
  [57, "57 s"],
  [60, "1 min"],
  [252, "4 min 12 s"],
  [3_600, "1 h"],
  [3_605, "1 h"],
  [7_380, "2 h 3 min"],
  [90_000, "1 d 1 h"],
  [1e300, "more than 100 years"],
  [Number.POSITIVE_INFINITY, "more than 100 years"],
])("says %d seconds as %s", (seconds, words) => {
  expect(duration(seconds)).toBe(words);
});

test("gives a moment in UTC, and how far it is away", () => {
  const now = 1_800_000_000;
  expect(utcAndDistance(now - 7_260, now)).toBe("2027-01-15T05:59:00Z (2 h 1 min ago)");
  expect(utcAndDistance(now, now)).toBe("2027-01-15T08:00:00Z (now)");
  expect(utcAndDistance(now + 5, now)).toBe("2027-01-15T08:00:05Z (in 5 s)");
});

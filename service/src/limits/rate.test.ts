import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { paceOf, parseRate, partOf, shareOf } from "./rate.ts";

describe("a rate", () => {
  test.each([
    ["300/1m", { count: 300, perSeconds: 60, burst: 300 }],
    ["20/1s", { count: 20, perSeconds: 1, burst: 20 }],
    ["1000/1h", { count: 1_000, perSeconds: 3_600, burst: 1_000 }],
    ["15/5m", { count: 15, perSeconds: 300, burst: 15 }],
  ])("%s is read", (text, rate) => {
    expect(parseRate(text)).toEqual(rate);
  });

  test.each(["", "300", "300/m", "0/1m", "-1/1m", "1.5/1s", "300/1d", "300 / 1m", "300/25h", "2000000/1s"])(
    "%j is none",
    (text) => {
      expect(parseRate(text)).toBeUndefined();
    },
  );

  test("its interval is rounded up, so that it is never exceeded, and is a multiple of a sixteenth of a microsecond", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 999_999 }),
        fc.constantFrom(1, 60, 3_600),
        (count, perSeconds) => {
          const { intervalUs } = paceOf({ count, perSeconds, burst: 1 });
          expect(Number.isInteger(intervalUs * 16)).toBe(true);
          expect(intervalUs * count).toBeGreaterThanOrEqual(perSeconds * 1_000_000);
        },
      ),
    );
  });

  test("its parts together are never more than the whole", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: 100 }), (count, parts) => {
        const whole = paceOf({ count, perSeconds: 60, burst: count });
        const part = partOf(whole, parts);
        expect(parts / part.intervalUs).toBeLessThanOrEqual(1 / whole.intervalUs);
        const burst = part.spanUs / part.intervalUs;
        expect(burst === 1 || burst * parts <= count).toBe(true);
      }),
    );
  });

  test("a share is a percentage of its count and of its burst, one at least", () => {
    expect(shareOf({ count: 100, perSeconds: 60, burst: 30 }, 50)).toEqual({
      count: 50,
      perSeconds: 60,
      burst: 15,
    });
    expect(shareOf({ count: 1, perSeconds: 60, burst: 1 }, 50).burst).toBe(1);
  });
});

import { describe, expect, test } from "vitest";
import { countingRandom } from "../testing/mint-deps.ts";
import type { Scope, Take } from "./limit-plan.ts";
import { LocalBuckets } from "./local-buckets.ts";
import { paceOf, parseRate } from "./rate.ts";

/** The promise itself: in no time `t` more than burst + t × count / per are taken, from every bucket or from none. */
class Oracle {
  readonly #moments = new Map<string, number[]>();

  take(takes: readonly Take[], nowUs: number): boolean {
    const admits = ({ scope, key, limit: { rate } }: Take): boolean => {
      const earlier = this.#moments.get(`${scope} ${key}`) ?? [];
      return [...earlier, nowUs].every((since, index) => {
        const taken = earlier.length - index + 1;
        return taken <= rate.burst + ((nowUs - since) * rate.count) / (rate.perSeconds * 1_000_000);
      });
    };
    if (!takes.every(admits)) return false;
    for (const { scope, key } of takes) {
      const moments = this.#moments.get(`${scope} ${key}`);
      if (moments === undefined) this.#moments.set(`${scope} ${key}`, [nowUs]);
      else moments.push(nowUs);
    }
    return true;
  }
}

/** Numbers that look random, and are the same in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SCOPES: readonly Scope[] = ["address", "caller", "sender", "global"];
/** Their intervals are whole microseconds: nothing is rounded. */
const RATES = ["1/1s", "2/1s", "5/1s", "20/1s", "60/1m", "4/1m", "1000/1s"] as const;
const SEQUENCES = 100_000;

function limitOf(text: string, burst?: number): Take["limit"] {
  const rate = parseRate(text, burst);
  if (rate === undefined) throw new Error(text);
  return { rate, pace: paceOf(rate) };
}

describe("the buckets of a process", () => {
  test(`decide as an oracle does, over ${SEQUENCES} random sequences`, () => {
    const below = numbers(20_261_128);
    let nowUs = 1_000_000;
    const buckets = new LocalBuckets({
      random: countingRandom(),
      stopwatch: { elapsed: () => (nowUs + 0.5) / 1_000_000 },
    });
    let admitted = 0;
    let limited = 0;
    for (let sequence = 0; sequence < SEQUENCES; sequence += 1) {
      const oracle = new Oracle();
      const limits = SCOPES.map(() => limitOf(RATES[below(RATES.length)] ?? "1/1s", below(4) + 1));
      const used = SCOPES.map(() => below(3) > 0);
      for (let request = 0; request < 8; request += 1) {
        nowUs += below(3) === 0 ? below(1_000_000) : below(1_000);
        const takes = SCOPES.flatMap((scope, index) => {
          const limit = limits[index];
          if (limit === undefined || used[index] !== true) return [];
          return [{ scope, limit, key: `${sequence} ${scope === "global" ? 0 : below(2)}` }];
        });
        const expected = oracle.take(takes, nowUs);
        const taken = buckets.take(takes).kind === "taken";
        if (taken !== expected)
          expect({ sequence, request, taken }).toEqual({ sequence, request, taken: expected });
        if (taken) admitted += 1;
        else limited += 1;
      }
    }
    // Both happen often enough to mean something.
    expect(Math.min(admitted, limited)).toBeGreaterThan(SEQUENCES);
  });

  test("a rate whose interval is no whole microsecond admits no more than it says, and within a percent as many", () => {
    let nowUs = 0;
    const buckets = new LocalBuckets({
      random: countingRandom(),
      stopwatch: { elapsed: () => (nowUs + 0.5) / 1_000_000 },
    });
    const take = { scope: "global", key: "", limit: limitOf("7000/1s", 1) } as const;
    let admitted = 0;
    for (; nowUs < 1_000_000; nowUs += 10) if (buckets.take([take]).kind === "taken") admitted += 1;
    expect(admitted).toBeLessThanOrEqual(7_001);
    expect(admitted).toBeGreaterThan(6_600);
  });

  test("a request that one bucket rejects takes from none, and learns when to come back", () => {
    let nowUs = 1_000_000;
    const buckets = new LocalBuckets({
      random: countingRandom(),
      stopwatch: { elapsed: () => (nowUs + 0.5) / 1_000_000 },
    });
    const caller = { scope: "caller", key: "planner", limit: limitOf("10/1s") } as const;
    const sender = { scope: "sender", key: "agent://a", limit: limitOf("1/1m") } as const;
    expect(buckets.take([caller, sender]).kind).toBe("taken");
    for (let again = 0; again < 50; again += 1)
      expect(buckets.take([caller, sender])).toMatchObject({
        kind: "limited",
        scope: "sender",
        retryAfterUs: 60_000_000,
      });
    for (let other = 0; other < 9; other += 1) expect(buckets.take([caller]).kind).toBe("taken");
    expect(buckets.take([caller]).kind).toBe("limited");
    nowUs += 60_000_000;
    expect(buckets.take([caller, sender]).kind).toBe("taken");
  });

  test("a limit that changes is in force at once: a bucket that an older one has emptied fills at the new rate", () => {
    let nowUs = 1_000_000;
    const buckets = new LocalBuckets({
      random: countingRandom(),
      stopwatch: { elapsed: () => (nowUs + 0.5) / 1_000_000 },
    });
    const take = (limit: Take["limit"]) => buckets.take([{ scope: "caller", key: "planner", limit }]);
    expect(take(limitOf("1/1h")).kind).toBe("taken");
    expect(take(limitOf("100/1s", 1))).toMatchObject({ kind: "limited", retryAfterUs: 10_000 });
    nowUs += 10_000;
    expect(take(limitOf("100/1s", 1)).kind).toBe("taken");
  });

  test("say how many found no place of their own, and limit those together", () => {
    const buckets = new LocalBuckets({ random: countingRandom(), stopwatch: { elapsed: () => 1 } });
    const limit = limitOf("1/1h");
    const take = (scope: Scope, key: string) => buckets.take([{ scope, key, limit }]).kind;
    let limited = 0;
    for (let caller = 0; caller < 2 ** 17 + 5_000; caller += 1)
      if (take("caller", `caller-${String(caller)}`) === "limited") limited += 1;
    expect(take("sender", "agent://a")).toBe("taken");
    const overflows = buckets.overflows();
    expect(overflows.get("caller")).toBe(limited + 1);
    expect(overflows.get("sender")).toBe(0);
  });
});

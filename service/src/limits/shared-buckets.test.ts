import { beforeEach, describe, expect, test } from "vitest";
import { countingRandom } from "../testing/mint-deps.ts";
import { TestTimers } from "../testing/test-timers.ts";
import type { Take } from "./limit-plan.ts";
import { LocalBuckets } from "./local-buckets.ts";
import { paceOf } from "./rate.ts";
import { type SharedAnswer, SharedBuckets } from "./shared-buckets.ts";

const RATE = { count: 10, perSeconds: 10, burst: 10 };
const TAKE: Take = { scope: "sender", key: "agent://a", limit: { rate: RATE, pace: paceOf(RATE) } };
const TOKEN_US = 1_000_000;

describe("buckets that replicas share", () => {
  let timers: TestTimers;
  let answer: () => Promise<SharedAnswer>;
  let asked: number;
  let reports: string[];
  let buckets: SharedBuckets;
  let seconds: number;
  let decided: number[];
  beforeEach(async () => {
    timers = new TestTimers();
    answer = () => Promise.resolve({ empty: undefined, spentUs: [TOKEN_US] });
    asked = 0;
    reports = [];
    seconds = 1;
    decided = [];
    buckets = new SharedBuckets({
      store: {
        take: () => {
          asked += 1;
          return answer();
        },
        probe: () => answer().then(() => undefined),
      },
      local: new LocalBuckets({ random: countingRandom(), stopwatch: { elapsed: () => 1 } }),
      timers,
      stopwatch: { elapsed: () => seconds },
      replicas: 2,
      watcher: {
        lost: (why) => reports.push(`lost: ${why}`),
        found: () => reports.push("found"),
        decided: (took) => decided.push(took),
      },
    });
    await buckets.look();
  });
  const never = () => new Promise<never>(() => undefined);

  test("a store that is late decides nothing: the request is decided here after 45 ms, and all after it at once (N11)", async () => {
    answer = never;
    const first = buckets.take([TAKE]);
    const second = buckets.take([TAKE]);
    await timers.move(44);
    expect(reports).toEqual([]);
    seconds += 0.045;
    await timers.move(1);
    expect([(await first).kind, (await second).kind]).toEqual(["taken", "taken"]);
    expect(reports).toEqual(["lost: deadline"]);
    expect(buckets.take([TAKE])).toMatchObject({ kind: "taken" });
    expect(asked).toBe(2);
    expect(decided.map((took) => took.toFixed(3))).toEqual(["0.045", "0.045"]);
  });

  test("each replica then has its part of what was left when it last heard, and never more (N12)", async () => {
    answer = () => Promise.resolve({ empty: undefined, spentUs: [6 * TOKEN_US] });
    await buckets.take([TAKE]);
    answer = () => Promise.reject(new Error("gone"));
    let taken = 0;
    for (let tries = 0; tries < 20; tries += 1) if ((await buckets.take([TAKE])).kind === "taken") taken += 1;
    // Four of ten are left, and two replicas share them.
    expect(taken).toBe(2);
    expect(reports).toEqual(["lost: gone"]);
  });

  test("what this replica knows to be empty is not asked again", async () => {
    answer = () => Promise.resolve({ empty: { index: 0, retryAfterUs: TOKEN_US }, spentUs: [10 * TOKEN_US] });
    expect(await buckets.take([TAKE])).toMatchObject({ kind: "limited", scope: "sender" });
    expect(buckets.take([TAKE])).toMatchObject({ kind: "limited" });
    expect(asked).toBe(1);
  });

  test("a store that forgets what it knew admits no more than this replica by itself would", async () => {
    let taken = 0;
    for (let tries = 0; tries < 50; tries += 1) if ((await buckets.take([TAKE])).kind === "taken") taken += 1;
    expect(taken).toBe(10);
  });

  test("a probe that finds the store gives it the decisions back, and says so once", async () => {
    answer = () => Promise.reject(new Error("gone"));
    await buckets.take([TAKE]);
    await buckets.look();
    expect([buckets.isLocal, reports]).toEqual([true, ["lost: gone"]]);
    answer = () => Promise.resolve({ empty: undefined, spentUs: [TOKEN_US] });
    await buckets.look();
    await buckets.look();
    expect([buckets.isLocal, reports]).toEqual([false, ["lost: gone", "found"]]);
  });

  test("a store that answers only just in time is not found: it would be lost again at once", async () => {
    answer = () => Promise.reject(new Error("gone"));
    await buckets.take([TAKE]);
    const answers: (() => void)[] = [];
    answer = () =>
      new Promise((resolve) => {
        answers.push(() => {
          resolve({ empty: undefined, spentUs: [] });
        });
      });
    const first = buckets.look();
    await timers.move(20);
    await first;
    // The answer to the first probe comes while the second one waits.
    const second = buckets.look();
    answers[0]?.();
    await timers.move(20);
    await second;
    expect([answers.length, buckets.isLocal]).toEqual([2, true]);
    const third = buckets.look();
    answers[2]?.();
    await third;
    expect(buckets.isLocal).toBe(false);
  });

  test("a store of which something else failed is looked at again, and lost only when it does not decide", async () => {
    await buckets.lookAgain();
    expect([buckets.isLocal, reports]).toEqual([false, []]);
    answer = () => Promise.reject(new Error("ECONNREFUSED"));
    await buckets.look();
    expect(buckets.isLocal).toBe(false);
    await buckets.lookAgain();
    expect([buckets.isLocal, reports]).toEqual([true, ["lost: ECONNREFUSED"]]);
  });
});

import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemStopwatch } from "../../service/src/kernel/clock.ts";
import { systemRandom } from "../../service/src/kernel/random.ts";
import { Secret } from "../../service/src/kernel/secret.ts";
import { systemTimers } from "../../service/src/kernel/timers.ts";
import { type Limit, SCOPES, type Take } from "../../service/src/limits/limit-plan.ts";
import { LocalBuckets } from "../../service/src/limits/local-buckets.ts";
import { paceOf } from "../../service/src/limits/rate.ts";
import { openRedis, type RedisBuckets } from "../../service/src/stores/redis/shared-store.ts";
import { chanceFrom } from "../support/flood.ts";
import { HAS_REDIS, RedisServer } from "../support/redis-server.ts";
import { BOOT_MS_MAX } from "../support/service-process.ts";

/** Rates so slow that no token comes back while the test runs, however slow the machine is. */
const limitOf = (burst: number): Limit => {
  const rate = { count: 1, perSeconds: 86_400, burst };
  return { rate, pace: paceOf(rate) };
};

/** How far two clocks may be apart in this test, on a machine that does other things too. */
const MICROSECONDS_APART = 60_000_000;

describe.skipIf(!HAS_REDIS)("the buckets in Redis", () => {
  let redis: RedisServer;
  let shared: RedisBuckets;
  const local = new LocalBuckets({ random: systemRandom(), stopwatch: systemStopwatch });
  beforeAll(async () => {
    redis = await RedisServer.start();
    shared = openRedis(
      { url: new Secret(redis.url), name: "https://auth.example" },
      { timers: systemTimers, random: systemRandom() },
    );
    // The connection is made in the background.
    for (let tries = 0; tries < 200; tries += 1) {
      const isThere = await shared.probe().then(
        () => true,
        () => false,
      );
      if (isThere) return;
      await pause(50);
    }
  }, BOOT_MS_MAX);
  afterAll(async () => {
    shared.close();
    await redis.remove();
  });

  /** The same requests at once to both: the shared ones are decided by as few scripts as can be. */
  async function compare(requests: readonly (readonly Take[])[]): Promise<number> {
    const answers = await Promise.all(requests.map((takes) => shared.take(takes)));
    let limited = 0;
    for (const [index, takes] of requests.entries()) {
      const here = local.take(takes);
      const there = answers[index];
      expect(there?.empty === undefined ? undefined : takes[there.empty.index]?.scope).toBe(
        here.kind === "limited" ? here.scope : undefined,
      );
      if (here.kind === "limited") limited += 1;
      for (const [place, { spentUs }] of here.levels.entries())
        expect(Math.abs(spentUs - (there?.spentUs[place] ?? 0))).toBeLessThan(MICROSECONDS_APART);
    }
    return limited;
  }

  test("decide random requests that arrive together as the buckets of a process do", async () => {
    const chance = chanceFrom(20_261_128);
    const below = (count: number) => Math.floor(chance() * count);
    const limits = SCOPES.map(() => limitOf(3 + below(20)));
    let limited = 0;
    for (let batch = 0; batch < 40; batch += 1)
      limited += await compare(
        Array.from({ length: 1 + below(40) }, () =>
          SCOPES.filter(() => chance() < 0.7).map((scope) => ({
            scope,
            key: `${scope} ${String(below(12))}`,
            limit: limits[SCOPES.indexOf(scope)] ?? limitOf(1),
          })),
        ),
      );
    expect(limited).toBeGreaterThan(50);
  });

  test("decide hundreds of requests at once, each with buckets and limits of its own", async () => {
    // There is one global bucket in a process.
    const scopes = SCOPES.filter((scope) => scope !== "global");
    const requests = Array.from({ length: 300 }, (_, request) =>
      scopes.map((scope, place) => ({
        scope,
        key: `own ${String(request)}`,
        limit: limitOf(1 + ((request * scopes.length + place) % 700)),
      })),
    );
    expect(await compare(requests)).toBe(0);
    expect(await compare(requests)).toBeGreaterThan(0);
  });
});

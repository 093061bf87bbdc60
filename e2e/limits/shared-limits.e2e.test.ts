import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { HAS_REDIS, RedisServer } from "../support/redis-server.ts";
import { BOOT_MS_MAX } from "../support/service-process.ts";
import { type TcpProxy, tcpProxy } from "../support/tcp-proxy.ts";
import { fullestWindow, LimitedReplicas, RATE, REPLICAS } from "./limited-replicas.ts";

/** What the promise allows beyond the limit. */
const TOLERANCE = 1.02;

/** Much less than the server is late by, and much more than a slow machine adds to the 45 ms after which a replica decides. */
const ANSWER_MS_MAX = 2_000;
const SECONDS_LATE_MS = 2_500;

/** How long a flood lasts. */
const SECONDS = 1.5;

describe.skipIf(!HAS_REDIS)("two replicas that share their limits in Redis", () => {
  let redis: RedisServer;
  let way: TcpProxy;
  let replicas: LimitedReplicas;
  beforeAll(async () => {
    redis = await RedisServer.start();
    way = await tcpProxy(redis.port);
    replicas = await LimitedReplicas.start(`redis://127.0.0.1:${String(way.port)}`);
  }, BOOT_MS_MAX);
  afterEach(async () => {
    redis.signal("SIGCONT");
    await redis.start();
    way.restore();
    await replicas.areLocal(false);
  });
  afterAll(async () => {
    await replicas.stop();
    await way.close();
    await redis.remove();
  });

  test("together they mint what the limit says in any window, and what it allows", async () => {
    for (let tries = 1; ; tries += 1) {
      const before = replicas.lines("limits_store_lost");
      const flooded = await replicas.flood(`agent://shared/${String(tries)}`, SECONDS);
      // Where Redis waits 45 ms for the processor, it counts as lost, and the bound of the tests below holds.
      const wasLost = String(replicas.lines("limits_store_lost")) !== String(before);
      expect(fullestWindow(flooded)).toBeLessThanOrEqual((wasLost ? REPLICAS : 1) * TOLERANCE);
      expect(flooded.minted.length).toBeGreaterThan(0.8 * RATE * flooded.seconds);
      if (!wasLost) break;
      expect(tries).toBeLessThan(10);
      await replicas.areLocal(false);
    }
  });

  const LATE_MS = [30, 60, 45, 50];
  let turn = 0;
  const aroundTheBound = () => {
    turn += 1;
    return LATE_MS[turn % LATE_MS.length] ?? 0;
  };

  test.each<[string, () => Promise<void> | void]>([
    ["that stands still", () => redis.signal("SIGSTOP")],
    ["that is killed", () => redis.kill()],
    ["that answers seconds later", () => way.slow(() => SECONDS_LATE_MS)],
    ["that answers just in time and just too late", () => way.slow(aroundTheBound)],
    // Its end is not seen either: only what is asked anew is answered.
    ["whose connections fall silent", () => way.abandon()],
  ])(
    "a server %s opens nothing and stops nothing: each mints its part, and it is said and counted",
    async (what, lose) => {
      const before = replicas.lines("limits_store_lost");
      const sinceLoss: { found: readonly number[]; asked: readonly number[] } = { found: [], asked: [] };
      const flooded = await replicas.flood(`agent://lost/${what.replaceAll(" ", "-")}`, SECONDS, async () => {
        await lose();
        await replicas.areLocal(true);
        sinceLoss.found = replicas.lines("limits_store_found");
        sinceLoss.asked = await replicas.figures(ASKED);
      });
      expect(fullestWindow(flooded)).toBeLessThanOrEqual(REPLICAS * TOLERANCE);
      expect(flooded.minted.length).toBeGreaterThan(0.5 * RATE * flooded.seconds);
      expect(flooded.slowestMs).toBeLessThan(ANSWER_MS_MAX);
      // Only what was under way waits: from then on no decision asks the server, and no probe takes it for well.
      expect(await replicas.figures(ASKED)).toEqual(sinceLoss.asked);
      expect(replicas.lines("limits_store_found")).toEqual(sinceLoss.found);
      expect(await replicas.figures("macp_auth_limits_local")).toEqual([1, 1]);
      for (const [index, count] of replicas.lines("limits_store_lost").entries())
        expect(count).toBeGreaterThan(before[index] ?? 0);
    },
  );
  const ASKED = "macp_auth_limits_decision_seconds_count";

  test.each<[string, () => Promise<void>]>([
    [
      "is wiped",
      async () => {
        for (let times = 0; times < 10; times += 1) {
          redis.cli("FLUSHALL");
          await pause(100);
        }
      },
    ],
    [
      "is lost and found again and again",
      async () => {
        for (let times = 0; times < 2; times += 1) {
          way.cut();
          await replicas.areLocal(true);
          way.restore();
          await replicas.areLocal(false);
        }
        for (const count of replicas.lines("limits_store_found")) expect(count).toBeGreaterThanOrEqual(2);
      },
    ],
  ])("a server that %s gives no more than each replica by itself would", async (what, act) => {
    const flooded = await replicas.flood(`agent://${what.replaceAll(" ", "-")}`, SECONDS, act);
    expect(fullestWindow(flooded)).toBeLessThanOrEqual(REPLICAS * TOLERANCE);
  });
});

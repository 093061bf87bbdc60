import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AccessFolder, accessFolder } from "../support/access.ts";
import { HAS_REDIS, RedisServer } from "../support/redis-server.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";

const RATE = 40;
const REPLICAS = 2;

describe.skipIf(!HAS_REDIS)("two replicas that share their limits in Redis", () => {
  let redis: RedisServer;
  let folder: AccessFolder;
  let replicas: readonly RunningService[];
  let admins: readonly string[];
  beforeAll(async () => {
    redis = await RedisServer.start();
    folder = await accessFolder({ version: 1, limits: { sender: `${String(RATE)}/1s` } });
    const env = {
      ...folder.env,
      HOST: "127.0.0.1",
      MACP_AUTH_ADMIN_PORT: "0",
      MACP_AUTH_LIMITS_URL: redis.url,
      MACP_AUTH_LIMITS_REPLICAS: String(REPLICAS),
    };
    replicas = await Promise.all([startService(env), startService(env)]);
    admins = await Promise.all(
      replicas.map(async (one) => `http://127.0.0.1:${String((await one.event("admin_listening"))["port"])}`),
    );
    await areLocal(false);
  }, BOOT_MS_MAX);
  afterAll(async () => {
    redis.signal("SIGCONT");
    await Promise.all(replicas.map((one) => one.stop()));
    await redis.remove();
    await folder.remove();
  });

  /** Waits until each replica says whether it limits by itself. */
  async function areLocal(local: boolean): Promise<void> {
    for (const admin of admins) {
      let seen = "";
      for (let tries = 0; tries < 500 && !seen.includes(`"local":${String(local)}`); tries += 1) {
        await pause(20);
        seen = await (await fetch(`${admin}/readyz`)).text();
      }
      expect(seen).toContain(`"ready":true`);
      expect(seen).toContain(`"limits":{"local":${String(local)}}`);
    }
  }
  async function mint(service: RunningService, sender: string): Promise<{ status: number; ms: number }> {
    const start = performance.now();
    const { status, body } = await fetch(`http://127.0.0.1:${String(service.port)}/tokens`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sender }),
    });
    await body?.cancel();
    return { status, ms: performance.now() - start };
  }
  /** Both replicas are asked without a pause; how many tokens they give in how many seconds, and the slowest answer. */
  async function flood(
    sender: string,
    seconds: number,
    meanwhile: () => Promise<void> = async () => undefined,
  ) {
    const start = performance.now();
    const until = start + seconds * 1_000;
    let minted = 0;
    let slowestMs = 0;
    const worker = async (service: RunningService) => {
      while (performance.now() < until) {
        const { status, ms } = await mint(service, sender);
        expect([200, 429]).toContain(status);
        if (status === 200) minted += 1;
        slowestMs = Math.max(slowestMs, ms);
        await pause(2);
      }
    };
    await Promise.all([...[...replicas, ...replicas].map(worker), pause(300).then(meanwhile)]);
    return { minted, slowestMs, seconds: (performance.now() - start) / 1_000 };
  }
  const bound = (seconds: number, times = 1) => times * (RATE + RATE * seconds) * 1.02;

  test("together they mint what the limit says, and what it allows", async () => {
    const { minted, seconds } = await flood("agent://shared", 3);
    expect(minted).toBeLessThanOrEqual(bound(seconds));
    expect(minted).toBeGreaterThan(0.8 * RATE * seconds);
  });

  test.each([
    ["that stands still", async () => redis.signal("SIGSTOP"), async () => redis.signal("SIGCONT")],
    ["that is killed", () => redis.kill(), () => redis.start()],
  ])(
    "a server %s opens nothing and stops nothing: each mints its part, and it is said and counted",
    async (_, lose, restore) => {
      const lines = replicas.map((one) => one.events("limits_store_lost").length);
      const { minted, slowestMs, seconds } = await flood(`agent://lost/${String(lines[0])}`, 3, async () =>
        lose(),
      );
      // The last known levels, and from then on each its part; never more than replicas × the limit.
      expect(minted).toBeLessThanOrEqual(bound(seconds));
      expect(minted).toBeGreaterThan(0.5 * RATE * seconds);
      // One deadline of 45 ms, on a machine that does other things too.
      expect(slowestMs).toBeLessThan(500);
      await areLocal(true);
      for (const admin of admins)
        expect(await (await fetch(`${admin}/metrics`)).text()).toContain("macp_auth_limits_local 1");
      await restore();
      await areLocal(false);
      for (const [index, one] of replicas.entries()) {
        await one.event("limits_store_found");
        expect(one.events("limits_store_lost")).toHaveLength((lines[index] ?? 0) + 1);
      }
    },
  );

  test("a server that is wiped gives no more than each replica by itself would", async () => {
    const { minted, seconds } = await flood("agent://wiped", 3, async () => {
      for (let times = 0; times < 20; times += 1) {
        redis.cli("FLUSHALL");
        await pause(100);
      }
    });
    expect(minted).toBeLessThanOrEqual(bound(seconds, REPLICAS));
  });
});

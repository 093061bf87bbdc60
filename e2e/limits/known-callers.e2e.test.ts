import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  type AccessFolder,
  ALL_SCOPES,
  accessFolder,
  bearer,
  type OwnSecret,
  ownSecret,
  wrongSecretLike,
} from "../support/access.ts";
import { HAS_REDIS, RedisServer } from "../support/redis-server.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";
import { from } from "./from-address.ts";

const HONEST = "127.0.0.1";
const LEARNED = { timeout: 20_000 };
/** Tries at a secret that a replica allows: its part of 100. */
const TRIES = 50;

describe.skipIf(!HAS_REDIS)(
  "replicas that share their limits, and a caller that only one has accepted",
  () => {
    let redis: RedisServer;
    let folder: AccessFolder;
    let known: RunningService;
    let other: RunningService;
    let all: RunningService[];
    const [planner, writer] = [ownSecret(), ownSecret()];
    const start = async () => {
      const service = await startService({
        ...folder.env,
        HOST: "127.0.0.1",
        MACP_AUTH_ADMIN_PORT: "0",
        MACP_AUTH_LIMITS_URL: redis.url,
        MACP_AUTH_LIMITS_REPLICAS: "2",
      });
      all.push(service);
      await sharesLimits(service);
      return service;
    };
    beforeAll(async () => {
      all = [];
      redis = await RedisServer.start();
      folder = await accessFolder({
        version: 1,
        callers: {
          planner: { proofs: [{ secret: planner.line }] },
          writer: { proofs: [{ secret: writer.line }] },
        },
        grants: [
          { name: "all", callers: ["planner", "writer"], senders: ["agent://**"], scopes: ALL_SCOPES },
        ],
        limits: { address: "100000/1s" },
      });
      [known, other] = await Promise.all([start(), start()]);
    }, BOOT_MS_MAX);
    afterAll(async () => {
      await Promise.all(all.map((service) => service.stop()));
      await folder.remove();
      await redis.remove();
    });

    const sharesLimits = async (service: RunningService) => {
      const port = Number((await service.event("admin_listening"))["port"]);
      await vi.waitFor(async () => {
        expect((await from(HONEST, port, "/readyz")).text).toContain('"limits":{"local":false}');
      }, LEARNED);
    };
    const mint = async (service: RunningService, { secret }: Pick<OwnSecret, "secret">, address = HONEST) =>
      (await from(address, service.port, "/tokens", bearer(secret))).status;
    /** Wrong secrets of a caller from many addresses, until the replica checks no more of them; how many it checked. */
    const guess = async (service: RunningService, caller: OwnSecret, net: number) => {
      const wrong = { secret: wrongSecretLike(caller) };
      const statuses: number[] = [];
      for (let host = 0; host < 10; host += 1)
        for (let attempt = 0; attempt < 10; attempt += 1)
          statuses.push(await mint(service, wrong, `127.${String(net)}.0.${String(host + 1)}`));
      return statuses.filter((status) => status === 401).length;
    };
    /** Until the replica accepts the caller although its secret has no tries left. */
    const learns = (service: RunningService, caller: OwnSecret) =>
      expect.poll(() => mint(service, caller), LEARNED).toBe(200);

    test("a guesser does not lock it out at a replica that never saw it, and gets no more tries", async () => {
      expect(await mint(known, planner)).toBe(200);
      expect(await guess(other, planner, 11)).toBe(TRIES);
      await learns(other, planner);
      expect(await mint(other, planner, "127.11.1.1")).toBe(429);
      expect(await guess(other, planner, 12)).toBe(0);
      expect(await guess(known, planner, 13)).toBe(TRIES);
      expect(await mint(known, planner)).toBe(200);
      // Nothing of it can be read in Redis.
      const members = redis.cli("ZRANGE", redis.cli("KEYS", "*:pairs").trim(), "0", "-1").trim().split("\n");
      for (const member of members) expect(member).toMatch(/^[A-Za-z0-9_-]{22}$/);
    });

    test("nor at one that starts after Redis lost its memory", async () => {
      // More often than there are replicas, so that what was only late to be noted does not fill it each time.
      for (let times = 0; times < 3; times += 1) {
        redis.cli("FLUSHALL");
        await expect.poll(() => redis.cli("KEYS", "*:pairs").trim(), LEARNED).not.toBe("");
      }
      const late = await start();
      expect(await guess(late, planner, 14)).toBe(TRIES);
      await learns(late, planner);
    });

    test("nor at any while Redis is lost", async () => {
      expect(await mint(known, writer)).toBe(200);
      expect(await guess(other, writer, 15)).toBe(TRIES);
      await learns(other, writer);
      const late = await start();
      expect(await guess(late, writer, 16)).toBe(TRIES);
      await redis.kill();
      await late.event("limits_store_lost");
      await learns(late, writer);
      for (const service of all) expect(await mint(service, planner)).toBe(200);
      expect(late.events("known_addresses_not_shared")).toEqual([]);
    });

    test("a server that may decide and may not share addresses is reported, once, and decides", async () => {
      await redis.start();
      for (const service of all) await sharesLimits(service);
      redis.cli("ACL", "SETUSER", "default", "-zadd");
      const late = await start();
      expect(await mint(late, writer, "127.17.0.1")).toBe(200);
      await expect.poll(() => late.events("known_addresses_not_shared"), LEARNED).toHaveLength(1);
      expect(await mint(late, writer, "127.17.0.1")).toBe(200);
      expect(late.events("limits_store_lost")).toEqual([]);
    });
  },
);

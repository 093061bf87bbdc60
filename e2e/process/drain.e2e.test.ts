import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { IS_OVER_TLS } from "../support/over-tls.ts";
import { ask, postTokens, RawConnection } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, withService } from "../support/service-process.ts";

const ENV = { MACP_AUTH_SIGNING_ALG: "ES256" };
const HEALTH = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
const BODY = '{"sender":"in flight"}';
const MINT = `POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${String(BODY.length)}\r\n\r\n`;

/** A connection that was used once and is kept alive. */
async function idleConnection(port: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  connection.send(HEALTH);
  expect((await connection.response())?.headers.get("connection")).toBe("keep-alive");
  return connection;
}

/** Runs `story` while the service is stopped: the kernel receives everything, and the service then finds it at once. */
async function whileStopped(service: RunningService, story: () => unknown): Promise<void> {
  service.signal("SIGSTOP");
  await story();
  await pause(200);
  service.signal("SIGCONT");
}

describe.concurrent("a service that is asked to stop", { timeout: BOOT_MS_MAX }, () => {
  test("answers a request on a kept-alive connection with Connection: close, and then ends the connection", async () => {
    await withService(ENV, async (service) => {
      const connection = await idleConnection(service.port);
      service.signal("SIGTERM");
      await service.event("stopping");
      await pause(300);
      connection.send(HEALTH);
      const answer = await connection.response();
      expect([answer?.status, answer?.headers.get("connection")]).toEqual([200, "close"]);
      expect(await connection.msUntilEnd(1_000)).toBeLessThan(500);
      expect(await service.ended).toBe(0);
    });
  });

  test("answers a request that was on its way on a kept-alive connection when the signal came", async () => {
    await withService(ENV, async (service) => {
      const idle = await Promise.all(Array.from({ length: 50 }, () => idleConnection(service.port)));
      await whileStopped(service, () => {
        for (const connection of idle) connection.send(MINT + BODY);
        service.signal("SIGTERM");
      });
      const answers = await Promise.all(idle.map((connection) => connection.response()));
      expect(answers.map((answer) => answer?.status)).toEqual(idle.map(() => 200));
      expect(await service.ended).toBe(0);
    });
  });

  // Over TLS a stopped service cannot finish a handshake: there is no request yet.
  const testOfPlain = IS_OVER_TLS ? () => undefined : test;
  testOfPlain(
    "answers connections that the kernel had accepted before the signal, and that the service had not seen yet",
    async () => {
      await withService(ENV, async (service) => {
        let waiting: RawConnection[] = [];
        await whileStopped(service, async () => {
          waiting = await Promise.all(Array.from({ length: 50 }, () => RawConnection.open(service.port)));
          for (const connection of waiting) connection.send(MINT + BODY);
          service.signal("SIGTERM");
        });
        const answers = await Promise.all(waiting.map((connection) => connection.response()));
        expect(answers.map((answer) => answer?.status)).toEqual(waiting.map(() => 200));
        expect(await service.ended).toBe(0);
      });
    },
  );

  test("answers every pipelined request, and only the last answer carries Connection: close", async () => {
    await withService(ENV, async (service) => {
      const connection = await idleConnection(service.port);
      service.signal("SIGTERM");
      await service.event("stopping");
      connection.send(MINT + BODY + HEALTH + MINT + BODY);
      const answers = await connection.responsesToEnd();
      expect(answers.map((answer) => [answer.status, answer.headers.get("connection")])).toEqual([
        [200, "keep-alive"],
        [200, "keep-alive"],
        [200, "close"],
      ]);
    });
  });

  test("lets a request finish whose head arrives in pieces", async () => {
    await withService(ENV, async (service) => {
      const connection = await RawConnection.open(service.port);
      connection.send(HEALTH.slice(0, 4));
      await pause(100);
      service.signal("SIGTERM");
      for (const piece of HEALTH.slice(4).match(/[\s\S]{1,8}/g) ?? []) {
        await pause(400);
        connection.send(piece);
      }
      expect((await connection.response())?.status).toBe(200);
      expect(await service.ended).toBe(0);
    });
  });

  test("closes a kept-alive connection that stays silent after a second, not before", async () => {
    await withService(ENV, async (service) => {
      const connection = await idleConnection(service.port);
      service.signal("SIGTERM");
      await service.event("stopping");
      const ms = await connection.msUntilEnd(3_000);
      expect(ms).toBeGreaterThan(700);
      expect(ms).toBeLessThan(2_500);
      expect(await service.ended).toBe(0);
    });
  });

  test("with MACP_AUTH_DRAIN_SECONDS accepts for that long, says at /readyz that it is stopping, and closes each connection after its answer", async () => {
    const env = { ...ENV, MACP_AUTH_DRAIN_SECONDS: "2", MACP_AUTH_ADMIN_PORT: "0" };
    await withService(env, async (service) => {
      const admin = Number((await service.event("admin_listening"))["port"]);
      expect((await ask(admin, { path: "/readyz" })).text).toMatch(/^\{"ready":true,"reasons":\[\]/);
      const idle = await idleConnection(service.port);
      const start = performance.now();
      service.signal("SIGTERM");
      await service.event("stopping");
      const readiness = await ask(admin, { path: "/readyz" });
      expect(readiness.status).toBe(503);
      expect(readiness.text).toMatch(/^\{"ready":false,"reasons":\["stopping"\]/);
      expect((await ask(service.port, { path: "/healthz" })).text).toBe('{"ok":true}');
      while (performance.now() - start < 1_500) {
        const minted = await postTokens(service.port, { sender: "a" });
        expect([minted.status, minted.headers.get("connection")]).toEqual([200, "close"]);
        await pause(50);
      }
      expect(idle.ended).toBe(false);
      expect(await service.ended).toBe(0);
      expect(performance.now() - start).toBeGreaterThan(1_900);
    });
  });

  test("ends at once with 1 at a second signal more than a second later", async () => {
    await withService(ENV, async (service) => {
      const connection = await RawConnection.open(service.port);
      connection.send(MINT + BODY.slice(0, 5));
      await pause(200);
      service.signal("SIGTERM");
      await pause(100);
      service.signal("SIGTERM");
      await pause(1_200);
      expect(connection.ended).toBe(false);
      const start = performance.now();
      expect(await service.stop("SIGTERM")).toBe(1);
      expect(performance.now() - start).toBeLessThan(2_000);
    });
  });
});

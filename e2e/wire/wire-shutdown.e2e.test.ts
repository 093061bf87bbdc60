import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { RawConnection } from "../support/raw-http.ts";
import { BOOT_MS_MAX, startService, withService } from "../support/service-process.ts";

const BODY = '{"sender":"in flight"}';
const HEAD = `POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${String(BODY.length)}\r\n\r\n`;

/** A mint whose body is half sent: the service has seen the request and cannot answer it yet. */
async function halfSentMint(port: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  connection.send(HEAD + BODY.slice(0, 10));
  await pause(200);
  return connection;
}

function refusesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("error", () => {
      resolve(true);
    });
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
  });
}

async function untilItRefuses(port: number): Promise<void> {
  const deadline = performance.now() + 3_000;
  while (performance.now() < deadline) {
    if (await refusesConnections(port)) return;
    await pause(20);
  }
  throw new Error("three seconds after the signal the service still accepts connections");
}

describe.concurrent.each(["SIGTERM", "SIGINT", "SIGQUIT"] as const)("row 36: %s", (signal) => {
  test(`row 36: ${signal} ends an idle service with 0, at once`, { timeout: BOOT_MS_MAX }, async () => {
    const service = await startService();
    const start = performance.now();
    expect(await service.stop(signal)).toBe(0);
    expect(performance.now() - start).toBeLessThan(3_000);
  });

  test(`row 36: after ${signal} no connection is accepted, the request in flight is answered, and the exit code is 0`, {
    timeout: BOOT_MS_MAX,
  }, async () => {
    await withService({}, async (service) => {
      const connection = await halfSentMint(service.port);
      service.signal(signal);
      await untilItRefuses(service.port);
      connection.send(BODY.slice(10));
      const answer = await connection.response();
      expect(answer?.status).toBe(200);
      expect(JSON.parse(answer?.text ?? "")).toMatchObject({ sender: "in flight" });
      const start = performance.now();
      expect(await service.ended).toBe(0);
      expect(performance.now() - start).toBeLessThan(3_000);
    });
  });

  test.each([
    ["a kept-alive connection between two requests", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["a connection that has not asked for anything yet", ""],
  ])(`row 36: ${signal} does not wait for %s`, { timeout: BOOT_MS_MAX }, async (_name, request) => {
    await withService({}, async (service) => {
      const connection = await RawConnection.open(service.port);
      connection.send(request);
      if (request !== "") expect((await connection.response())?.status).toBe(200);
      const start = performance.now();
      expect(await service.stop(signal)).toBe(0);
      // It stays open for a second; ten would be exit code 1.
      expect(performance.now() - start).toBeLessThan(8_000);
      connection.destroy();
    });
  });

  test(`row 36: ${signal} while a request never ends is exit 1 after ten seconds`, {
    timeout: BOOT_MS_MAX,
  }, async () => {
    await withService({}, async (service) => {
      const connection = await halfSentMint(service.port);
      const start = performance.now();
      service.signal(signal);
      expect(await service.ended).toBe(1);
      expect(performance.now() - start).toBeGreaterThan(8_500);
      expect(performance.now() - start).toBeLessThan(12_000);
      connection.destroy();
    });
  });
});

test("row 36: of a burst in flight at the signal, every request that was accepted is answered", {
  timeout: BOOT_MS_MAX,
}, async () => {
  await withService({}, async (service) => {
    const burst = await Promise.all(Array.from({ length: 20 }, () => halfSentMint(service.port)));
    service.signal("SIGTERM");
    await untilItRefuses(service.port);
    for (const connection of burst) connection.send(BODY.slice(10));
    const answers = await Promise.all(burst.map((connection) => connection.response()));
    expect(answers.map((answer) => answer?.status)).toEqual(burst.map(() => 200));
    expect(await service.ended).toBe(0);
  });
});

test("row 36: services that get the signal to stop as soon as they listen end with 0", {
  timeout: BOOT_MS_MAX,
}, async () => {
  const codes = await Promise.all(
    Array.from({ length: 12 }, async () =>
      (await startService({ MACP_AUTH_SIGNING_ALG: "ES256" })).stop("SIGTERM"),
    ),
  );
  expect(codes).toEqual(codes.map(() => 0));
});

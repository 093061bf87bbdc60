import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { onPostgresAt } from "../../service/src/testing/postgres/postgres-server.ts";
import { admin, FAST_LEASE, mintStatus, until } from "../support/managed-service.ts";
import { ask, postTokens } from "../support/raw-http.ts";
import { type Environment, type RunningService, withService } from "../support/service-process.ts";
import { type TcpProxy, tcpProxy } from "../support/tcp-proxy.ts";

const POSTGRES = process.env["MACP_TEST_POSTGRES_URL"] || undefined;
const jwks = (service: RunningService) => ask(service.port, { path: "/.well-known/jwks.json" });

if (POSTGRES === undefined && process.env["CI"] === "true")
  throw new Error("MACP_TEST_POSTGRES_URL is not set, and in CI nothing is skipped");

describe.skipIf(POSTGRES === undefined)(
  "a PostgreSQL that goes away (skipped: set MACP_TEST_POSTGRES_URL; tools/postgres.sh start DIR prints one)",
  () => {
    const server = new URL(POSTGRES ?? "postgres://localhost/none");
    let proxy: TcpProxy;
    let schema: string;

    const sql = (text: string): Promise<unknown> => onPostgresAt(server.href, text);
    const through = (port: number): Environment => {
      const url = new URL(server);
      url.port = String(port);
      url.searchParams.set("schema", schema);
      return { ...FAST_LEASE, MACP_AUTH_STORE_URL: url.href };
    };

    beforeEach(async () => {
      schema = `outage_${randomBytes(6).toString("hex")}`;
      await sql(`CREATE SCHEMA ${schema}`);
      proxy = await tcpProxy(Number(server.port));
    });
    afterEach(async () => {
      await proxy.close();
      await sql(`DROP SCHEMA ${schema} CASCADE`);
    });

    test.each(["freeze", "cut"] as const)(
      "(%s) slows no mint and changes no JWKS until the fence, then both are 503 at once, and everything recovers by itself",
      async (how) => {
        await withService(through(proxy.port), async (service) => {
          const before = await jwks(service);
          proxy[how]();
          expect(await mintStatus(service)).toBe(200);
          expect((await jwks(service)).text).toBe(before.text);
          await until(async () => (await mintStatus(service)) === 503);
          const [rejected, hidden, health] = [
            await postTokens(service.port, { sender: "a" }),
            await jwks(service),
            await ask(service.port, { path: "/healthz" }),
          ];
          expect([rejected.status, rejected.headers.get("retry-after"), rejected.text]).toEqual([
            503,
            "5",
            '{"error":"no signing key is available"}',
          ]);
          expect([hidden.status, health.status]).toEqual([503, 200]);
          expect(await admin(service, "/readyz")).toEqual({
            status: 503,
            body: { ready: false, reasons: ["lease_expired"] },
          });
          proxy.restore();
          await until(async () => (await mintStatus(service)) === 200);
          expect((await jwks(service)).text).toBe(before.text);
          expect((await admin(service, "/readyz")).status).toBe(200);
        });
      },
    );

    test("at start leaves the service up and fenced until the store is available", async () => {
      proxy.cut();
      await withService(through(proxy.port), async (service) => {
        expect([await mintStatus(service), (await jwks(service)).status]).toEqual([503, 503]);
        expect((await admin(service, "/readyz")).body).toEqual({ ready: false, reasons: ["not_read_yet"] });
        proxy.restore();
        await until(async () => (await mintStatus(service)) === 200);
      });
    });

    test("for one replica of two fences that one, and the other continues", async () => {
      await withService(through(proxy.port), async (far) => {
        await withService(through(Number(server.port)), async (near) => {
          expect((await jwks(far)).text).toBe((await jwks(near)).text);
          proxy.freeze();
          await until(async () => (await mintStatus(far)) === 503);
          // A transaction that was frozen in its middle holds its locks until PostgreSQL ends it after 3 s: much less than an F of
          // 60 s, and more than the second that F is here. The replica that was cut off then sees the changes that it missed.
          const rotate = () => admin(near, "/keys/rotate", { accept: ["short-lead"] });
          await until(async () => (await rotate()).body["done"] === true, 10);
          expect([(await jwks(far)).status, await mintStatus(near), (await jwks(near)).status]).toEqual([
            503, 200, 200,
          ]);
          proxy.restore();
          await until(async () => (await mintStatus(far)) === 200);
          expect((await jwks(far)).headers.get("etag")).toBe((await jwks(near)).headers.get("etag"));
        });
      });
    });
  },
);

describe("a store that was restored from an old backup", () => {
  test("is rejected by a replica that had seen a newer version, also after a restart, and nothing is signed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "macp-auth-backup-"));
    const [store, backup] = [join(folder, "keys.db"), join(folder, "backup.db")];
    const env = {
      ...FAST_LEASE,
      MACP_AUTH_STORE_URL: `sqlite:${store}`,
      MACP_AUTH_KEY_VERSION_FILE: join(folder, "version"),
    };
    await withService(env, async (service) => expect(await service.stop()).toBe(0));
    await copyFile(store, backup);
    await withService(env, async (service) => {
      expect((await admin(service, "/keys/rotate", { accept: ["short-lead"] })).body).toMatchObject({
        done: true,
      });
      expect(await service.stop()).toBe(0);
    });
    await Promise.all([rm(`${store}-wal`, { force: true }), rm(`${store}-shm`, { force: true })]);
    await copyFile(backup, store);
    await withService(env, async (service) => {
      await sleep(1_000);
      expect([await mintStatus(service), (await jwks(service)).status]).toEqual([503, 503]);
      expect((await admin(service, "/readyz")).body).toEqual({ ready: false, reasons: ["store_older"] });
    });
    await rm(folder, { recursive: true });
  });
});

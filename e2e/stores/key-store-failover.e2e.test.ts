import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StoreUnavailable } from "../../service/src/kernel/store-faults.ts";
import { openAdapter } from "../../service/src/stores/open.ts";
import { onPostgresAt } from "../../service/src/testing/postgres/postgres-server.ts";
import { storeAt } from "../../service/src/testing/store-places.ts";
import { admin, F_MS, FAST_LEASE, until } from "../support/managed-service.ts";
import { ask, postTokens } from "../support/raw-http.ts";
import { type Environment, type RunningService, withService } from "../support/service-process.ts";
import { type TcpProxy, tcpProxy } from "../support/tcp-proxy.ts";

const POSTGRES = process.env["MACP_TEST_POSTGRES_URL"];
const TOOL = new URL("../../tools/postgres.sh", import.meta.url).pathname;

/** Two servers in replication, and the connections of two replicas to them. */
interface Fleet {
  readonly primary: string;
  readonly standby: string;
  /** The way of the replica that is cut off. */
  readonly far: TcpProxy;
  /** The way of the one that follows the failover. */
  readonly near: TcpProxy;
  /** Makes the primary a standby without a primary of its own. */
  readonly demotePrimary: () => Promise<unknown>;
}

/** How the store of one replica comes to answer reads and accept no writes, while keys change elsewhere. */
const CUTS: readonly { readonly name: string; readonly cut: (fleet: Fleet) => Promise<void> }[] = [
  {
    name: "whose proxy leads to a hot standby, its replay paused,",
    async cut({ standby, far }) {
      await onPostgresAt(standby, "SELECT pg_wal_replay_pause()");
      far.leadTo(portOf(standby));
    },
  },
  {
    name: "that stays with the old primary, now a standby, after a promotion elsewhere",
    async cut({ standby, near, demotePrimary }) {
      await onPostgresAt(standby, "SELECT pg_promote()");
      near.leadTo(portOf(standby));
      await demotePrimary();
    },
  },
  {
    name: "whose transactions became read-only",
    async cut({ primary }) {
      await onPostgresAt(
        primary,
        "ALTER ROLE far SET default_transaction_read_only = on",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'far'",
      );
    },
  },
  {
    name: "that stays with an old primary whose synchronous standby was promoted",
    async cut({ primary, standby, near }) {
      await onPostgresAt(
        primary,
        "ALTER SYSTEM SET synchronous_standby_names = '*'",
        "SELECT pg_reload_conf()",
      );
      await onPostgresAt(standby, "SELECT pg_promote()");
      near.leadTo(portOf(standby));
    },
  },
];

if (POSTGRES === undefined && process.env["CI"] === "true")
  throw new Error("MACP_TEST_POSTGRES_URL is not set, and in CI nothing is skipped");

describe.skipIf(POSTGRES === undefined)(
  "a replica (skipped: set MACP_TEST_POSTGRES_URL, to show that this machine has PostgreSQL)",
  () => {
    let folder: string;
    let fleet: Fleet;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), "macp-auth-failover-"));
      // Root's servers run as another user.
      await chmod(folder, 0o755);
      const primary = await tool("start", join(folder, "primary"));
      await onPostgresAt(primary, "CREATE ROLE far SUPERUSER LOGIN");
      const standby = await tool("standby", join(folder, "standby"), primary);
      fleet = {
        primary,
        standby,
        far: await tcpProxy(portOf(primary)),
        near: await tcpProxy(portOf(primary)),
        demotePrimary: () => tool("demote", join(folder, "primary")),
      };
    });
    afterEach(async () => {
      await Promise.all([fleet.far.close(), fleet.near.close()]);
      for (const name of ["standby", "primary"]) await tool("stop", join(folder, name));
      await rm(folder, { recursive: true, force: true });
    });

    test.each(CUTS)("$name signs nothing later than F + 1 s, and serves no JWKS", async ({ cut }) => {
      await withService(through(fleet.near, "macp"), (near) =>
        withService(through(fleet.far, "far"), async (far) => {
          const revoked = await kidOf(near);
          const mints = mintAgainAndAgain(far);
          await sleep(300);
          const cutAtMs = performance.now();
          await cut(fleet);
          const lost = performance.now() + F_MS + 1_000;
          await revoke(near, revoked);
          await sleep(Math.max(0, lost - performance.now()) + 2_000);

          const made = (await mints.stop()).filter(({ status }) => status === 200);
          expect(made.filter(({ begunMs }) => begunMs < cutAtMs).length).toBeGreaterThan(0);
          expect(made.filter(({ begunMs }) => begunMs > lost)).toEqual([]);
          expect((await ask(far.port, { path: "/.well-known/jwks.json" })).status).toBe(503);
          expect(await admin(far, "/readyz")).toEqual({
            status: 503,
            body: { ready: false, reasons: ["lease_expired"] },
          });
          expect(await kidOf(near)).not.toBe(revoked);

          fleet.far.leadTo(portOf(await primaryOf(fleet)));
          await onPostgresAt(await primaryOf(fleet), "ALTER ROLE far RESET default_transaction_read_only");
          await until(async () => (await postTokens(far.port, { sender: "a" })).status === 200);
          expect(await kidOf(far)).toBe(await kidOf(near));
        }),
      );
    });

    test("is not renewed, however long F is, by a commit that no synchronous standby confirmed", async () => {
      const { primary, standby } = fleet;
      await onPostgresAt(
        primary,
        "CREATE TABLE beats (id INTEGER PRIMARY KEY)",
        "ALTER SYSTEM SET synchronous_standby_names = '*'",
        "SELECT pg_reload_conf()",
      );
      const database = await openAdapter(storeAt(primary));
      const beat = (id: number) => database.write((query) => query("INSERT INTO beats VALUES ($1)", [id]));
      await beat(1);
      await onPostgresAt(standby, "SELECT pg_promote()");
      await expect(beat(2)).rejects.toThrow(StoreUnavailable);
      // An administrator ends the wait: the server commits for itself, and warns.
      let isOver = false;
      const cancelled = beat(3)
        .catch((thrown: unknown) => thrown)
        .finally(() => {
          isOver = true;
        });
      const cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
      await until(async () => {
        await onPostgresAt(primary, cancel);
        return isOver;
      });
      expect(await cancelled).toMatchObject({
        code: "NOT_CONFIRMED",
      });
      await database.close();
    });
  },
);

async function tool(...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("bash", [TOOL, ...words]);
  return stdout.trim();
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** The server where keys can be changed now. */
async function primaryOf({ primary, standby }: Fleet): Promise<string> {
  const rows = await onPostgresAt(standby, "SELECT pg_is_in_recovery() AS standby");
  return (rows[0] as { readonly standby: boolean }).standby ? primary : standby;
}

function through(way: TcpProxy, role: string): Environment {
  return { ...FAST_LEASE, MACP_AUTH_STORE_URL: `postgres://${role}@127.0.0.1:${String(way.port)}/postgres` };
}

/** The kid of the key that signs, once the service serves its JWKS: beside three databases an F of a second can pass. */
async function kidOf(service: RunningService): Promise<string> {
  let text = "";
  await until(async () => {
    const answer = await ask(service.port, { path: "/.well-known/jwks.json" });
    text = answer.text;
    return answer.status === 200;
  });
  return (JSON.parse(text) as { readonly keys: readonly { readonly kid: string }[] }).keys[0]?.kid ?? "none";
}

/** Revokes a key through a replica, as soon as its store accepts the change. */
async function revoke(service: RunningService, kid: string): Promise<void> {
  await until(async () => {
    const { body } = await admin(service, "/keys/revoke", {
      kid,
      reason: "leaked",
      accept: ["short-lead", "verifiers-behind"],
    });
    return body["done"] === true;
  });
}

/** Asks for a token every 50 ms until `stop`, which gives when each request began and how it was answered. */
function mintAgainAndAgain(service: RunningService) {
  const mints: { readonly begunMs: number; readonly status: number }[] = [];
  const ended = new AbortController();
  const loop = (async () => {
    while (!ended.signal.aborted) {
      const begunMs = performance.now();
      const { status } = await postTokens(service.port, { sender: "a" });
      mints.push({ begunMs, status });
      await sleep(50);
    }
  })();
  return {
    async stop() {
      ended.abort();
      await loop;
      return mints;
    },
  };
}

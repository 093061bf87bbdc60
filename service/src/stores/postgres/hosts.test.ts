import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { activate, beatOf, publishFresh } from "../../testing/contracts/key-store-contract.ts";
import { keksUnder } from "../../testing/custodies.ts";
import { type OwnPostgres, startOwnPostgres } from "../../testing/postgres/own-postgres.ts";
import { onPostgresAt, postgresAt } from "../../testing/postgres/postgres-server.ts";
import { mayLeavePostgresOut, openKeyStore, storeAt } from "../../testing/store-places.ts";
import { openPostgres } from "./database.ts";
import { PostgresFault, READ_ONLY } from "./faults.ts";

const keks = keksUnder(1);

function hostsOf(...servers: readonly { readonly url: string }[]): string {
  return `postgres://macp@${servers.map(({ url }) => new URL(url).host).join(",")}/postgres`;
}

async function faultOf(url: string): Promise<PostgresFault> {
  const database = await openPostgres(postgresAt(url));
  const fault: unknown = await database.read((query) => query("SELECT 1")).catch((thrown: unknown) => thrown);
  await database.close();
  if (!(fault instanceof PostgresFault)) throw new Error("the store could be used");
  return fault;
}

describe.skipIf(mayLeavePostgresOut())("several hosts of a PostgreSQL", { timeout: 60_000 }, () => {
  let primary: OwnPostgres;
  let standby: OwnPostgres;
  const isReadOnly = async (url: string): Promise<boolean> =>
    JSON.stringify(await onPostgresAt(url, "SHOW transaction_read_only")).includes('"on"');

  beforeAll(async () => {
    primary = await startOwnPostgres();
    standby = await startOwnPostgres(primary.url);
  }, 120_000);
  afterAll(async () => {
    await standby.stop();
    await primary.stop();
  });

  test("the one that accepts writes is used, wherever it stands in the list; only a standby is a fault with the fix", async () => {
    const gone = { url: "postgres://127.0.0.1:1" };
    for (const url of [
      hostsOf(standby, primary),
      hostsOf(primary, standby),
      hostsOf(gone, standby, primary),
    ]) {
      const store = await openKeyStore(storeAt(url), keks);
      await store.beat(beatOf());
      await store.close();
    }
    for (const url of [`${hostsOf(standby)}?target_session_attrs=read-write`, hostsOf(standby, standby)])
      expect(await faultOf(url)).toMatchObject({
        code: READ_ONLY,
        hosts: [],
      });
  });

  test("a failover is followed, from a primary that turned read-only under its connections to the standby that was promoted", async () => {
    const store = await openKeyStore(storeAt(hostsOf(primary, standby)), keks);
    const { version } = await store.load();
    const fresh = await publishFresh(keks);
    expect(await store.replace(version, [fresh, activate(fresh)])).toBe("replaced");
    await standbyHas(standby.url, fresh.kid);

    await primary.change({ default_transaction_read_only: "on" }, () => isReadOnly(primary.url));
    await expect(store.beat(beatOf())).rejects.toMatchObject({ reason: "read_only" });
    await onPostgresAt(standby.url, "SELECT pg_promote()");
    const before = performance.now();
    const set = await store.beat(beatOf());
    expect(performance.now() - before).toBeLessThan(6_500);
    expect(set.keys.map(({ kid }) => kid)).toEqual([fresh.kid]);
    expect(await store.replace(version + 1, [await publishFresh(keks)])).toBe("replaced");

    await primary.change(
      { default_transaction_read_only: "off" },
      async () => !(await isReadOnly(primary.url)),
    );
    expect((await store.load()).version).toBe(version + 2);
    await store.close();
  });
});

/** Waits until the standby has replayed the key. */
async function standbyHas(url: string, kid: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (JSON.stringify(await onPostgresAt(url, "SELECT kid FROM signing_keys")).includes(kid)) return;
  }
  throw new Error("the standby does not replay");
}

test("when no host can be used the fault says why for each, by its position in the URL", async () => {
  const fault = await faultOf("postgres://auth:hunter2@127.0.0.1:1,no-such-host.invalid/keys");
  expect(fault.hosts.map(({ code }) => code)).toEqual([
    "ECONNREFUSED",
    expect.stringMatching(/^(?:ENOTFOUND|EAI_AGAIN)$/),
  ]);
  expect(inspect(fault, { showHidden: true, depth: 9 })).not.toMatch(
    /hunter2|no-such-host|127\.0\.0\.1|auth@/,
  );
});

test("three hosts that never answer are given up within seven seconds in total", {
  timeout: 30_000,
}, async () => {
  const silent: Server[] = [];
  for (let count = 0; count < 3; count += 1) {
    const server = createServer((socket) => socket.on("error", () => undefined).unref()).listen(
      0,
      "127.0.0.1",
    );
    await once(server, "listening");
    silent.push(server.unref());
  }
  const places = silent.map((server) => {
    const address = server.address();
    return `127.0.0.1:${String(typeof address === "object" ? address?.port : 0)}`;
  });
  const before = performance.now();
  expect((await faultOf(`postgres://a@${places.join(",")}/b`)).hosts).toHaveLength(3);
  expect(performance.now() - before).toBeLessThan(7_000);
  for (const server of silent) server.close();
});

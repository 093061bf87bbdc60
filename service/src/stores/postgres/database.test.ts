import { createServer, type Server } from "node:net";
import { setTimeout } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import { databaseContract } from "../../testing/contracts/database-contract.ts";
import {
  freshName,
  onPostgres,
  postgresAt,
  serverUrl,
  urlOf,
} from "../../testing/postgres/postgres-server.ts";
import { mayLeavePostgresOut, postgresPlace } from "../../testing/store-places.ts";
import { CONFLICT, tryWrite } from "../sql/try-write.ts";
import { openPostgres } from "./database.ts";
import { PostgresUnusable } from "./faults.ts";

if (!mayLeavePostgresOut()) databaseContract("PostgreSQL", postgresPlace);

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function faultOf(url: string): Promise<Error> {
  const database = await openPostgres(postgresAt(url));
  const fault: unknown = await database.read((query) => query("SELECT 1")).catch((thrown: unknown) => thrown);
  await database.close();
  return fault as Error;
}

/** The port of a server that accepts connections and never answers. */
function silentPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer((socket) => servers.push(server) && socket.unref());
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
    server.unref();
  });
}

test("a database without a server is unavailable, with a reason and without the URL", async () => {
  const fault = await faultOf("postgres://someone:hunter2@127.0.0.1:1/keys");
  expect(fault).toBeInstanceOf(StoreUnavailable);
  expect(fault).toMatchObject({ code: "ECONNREFUSED", message: "PostgreSQL: ECONNREFUSED" });
  expect(fault.cause).toBeUndefined();
});

test("a server that never answers is given up within three seconds", async () => {
  const started = performance.now();
  const fault = await faultOf(`postgres://someone:hunter2@127.0.0.1:${String(await silentPort())}/keys`);
  expect(fault).toBeInstanceOf(StoreUnavailable);
  expect(fault.message).toMatch(/timeout/);
  expect(performance.now() - started).toBeLessThan(3_000);
});

test("a certificate that cannot be read is a fault for the operator, and is named without the URL", async () => {
  const opened = openPostgres(postgresAt("postgres://someone:hunter2@host/keys?sslrootcert=/none/ca.pem"));
  await expect(opened).rejects.toEqual(
    new PostgresUnusable({
      kind: "file_unreadable",
      parameter: "sslrootcert",
      path: "/none/ca.pem",
      code: "ENOENT",
    }),
  );
});

test.skipIf(mayLeavePostgresOut())(
  "a connection that breaks in use is reported only to its user, and replaced",
  async () => {
    const place = await postgresPlace();
    const lost = place.database.write(async (query) => {
      const [own] = (await query("SELECT pg_backend_pid() AS pid")) as readonly { readonly pid: number }[];
      await place.sql("SELECT pg_terminate_backend($1)", [own?.pid ?? 0]);
      // Long enough for the end of the connection to arrive before the next statement.
      await setTimeout(50);
      await query("SELECT 1");
    });
    await expect(lost).rejects.toThrow(StoreUnavailable);
    expect(await place.sql("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await place.remove();
  },
);

test.skipIf(mayLeavePostgresOut())(
  "work that fails ends its transaction before the connection is used again: none of its statements is executed later",
  async () => {
    const place = await postgresPlace();
    // With its schema: the transaction's own search path ends with it, and most deployments have the tables on the default one.
    const [home] = (await place.sql("SELECT current_schema() AS name")) as readonly {
      readonly name: string;
    }[];
    const notes = `"${home?.name ?? ""}".notes`;
    await place.sql(`CREATE TABLE ${notes} (text TEXT)`);
    const failed = place.database.write(async (query) => {
      const fails = async () => {
        await query("SELECT 1");
        throw new Error("of the work itself");
      };
      const note = (text: string) => query(`INSERT INTO ${notes} VALUES ($1)`, [text]);
      await Promise.all([fails(), note("one"), note("two"), note("three"), note("four")]);
    });
    await expect(failed).rejects.toThrow("of the work itself");
    // Long enough for statements that no code waits for.
    await setTimeout(100);
    expect(await place.sql(`SELECT text FROM ${notes}`)).toEqual([]);
    await place.remove();
  },
);

test.skipIf(mayLeavePostgresOut())(
  "a change waits for the disk whatever the session has set, and for standbys no less than it has set",
  async () => {
    const setting = async (options: string, how: "read" | "write"): Promise<unknown> => {
      const database = await openPostgres({ ...postgresAt(serverUrl()), options });
      const rows = await database[how]((query) => query("SHOW synchronous_commit"));
      await database.close();
      return (rows as readonly { readonly synchronous_commit: string }[])[0]?.synchronous_commit;
    };
    expect(await setting("-c synchronous_commit=off", "write")).toBe("on");
    expect(await setting("-c synchronous_commit=off", "read")).toBe("off");
    for (const waits of ["local", "remote_write", "on", "remote_apply"])
      expect(await setting(`-c synchronous_commit=${waits}`, "write")).toBe(waits);
  },
);

test.skipIf(mayLeavePostgresOut())(
  "a change waits for the disk also when the role has set otherwise, and the session stays as it was",
  async () => {
    const role = freshName("fast");
    await onPostgres(`CREATE ROLE ${role} LOGIN`, `ALTER ROLE ${role} SET synchronous_commit = off`);
    const database = await openPostgres(postgresAt(urlOf({ role })));
    const show = () => database.write((query) => query("SHOW synchronous_commit"));
    expect(await show()).toEqual([{ synchronous_commit: "on" }]);
    // The next transaction of the connection begins with the role's setting again.
    expect(await show()).toEqual([{ synchronous_commit: "on" }]);
    expect(await database.read((query) => query("SHOW synchronous_commit"))).toEqual([
      { synchronous_commit: "off" },
    ]);
    await database.close();
    await onPostgres(`DROP ROLE ${role}`);
  },
);

test.skipIf(mayLeavePostgresOut())(
  "a conflict keeps its connection: anyone may cause one, and connections are few",
  async () => {
    const place = await postgresPlace();
    const pid = () => place.sql("SELECT pg_backend_pid() AS pid");
    await place.sql("CREATE TABLE used (id TEXT PRIMARY KEY)");
    const before = await pid();
    for (const outcome of [[], CONFLICT, CONFLICT])
      expect(
        await tryWrite(place.database, "used", (query) => query("INSERT INTO used VALUES ('a')")),
      ).toEqual(outcome);
    expect(await pid()).toEqual(before);
    await place.remove();
  },
);

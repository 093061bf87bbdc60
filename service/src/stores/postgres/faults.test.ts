import { inspect } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StatementRejected, StoreUnavailable } from "../../kernel/store-faults.ts";
import { type OwnPostgres, startOwnPostgres } from "../../testing/postgres/own-postgres.ts";
import { onPostgresAt, postgresAt } from "../../testing/postgres/postgres-server.ts";
import { mayLeavePostgresOut } from "../../testing/store-places.ts";
import { UniqueViolation } from "../sql/try-write.ts";
import { openPostgres } from "./database.ts";
import { connectionFaultOf, statementFaultOf } from "./faults.ts";

describe.skipIf(mayLeavePostgresOut())("a fault of a real server", { timeout: 60_000 }, () => {
  let server: OwnPostgres;
  const at = (change: { user?: string; password?: string; database?: string; query?: string }): string => {
    const url = new URL(server.url);
    url.username = change.user ?? "macp";
    url.password = change.password ?? "";
    url.pathname = `/${change.database ?? "postgres"}`;
    url.search = change.query ?? "";
    return url.href;
  };
  const thrownAt = async (url: string, sql: string): Promise<unknown> => {
    const database = await openPostgres(postgresAt(url));
    const thrown: unknown = await database.write((query) => query(sql)).catch((fault: unknown) => fault);
    await database.close();
    return thrown;
  };
  const faultOf = async (url: string, sql = "SELECT 1"): Promise<StoreUnavailable> => {
    const fault = await thrownAt(url, sql);
    if (!(fault instanceof StoreUnavailable)) throw new Error("the store could be used");
    return fault;
  };

  beforeAll(async () => {
    server = await startOwnPostgres();
    await onPostgresAt(
      server.url,
      "CREATE ROLE s3cret_scram LOGIN PASSWORD 'right'",
      "CREATE ROLE s3cret_nologin",
      "CREATE ROLE s3cret_full LOGIN CONNECTION LIMIT 0",
      "CREATE ROLE s3cret_reader LOGIN",
      "ALTER ROLE s3cret_reader SET default_transaction_read_only = on",
      "CREATE ROLE s3cret_outside LOGIN",
    );
    await server.write(
      "pg_hba.conf",
      "host all s3cret_scram 127.0.0.1/32 scram-sha-256\nhostssl all s3cret_outside 127.0.0.1/32 trust\nhost all macp,s3cret_nologin,s3cret_full,s3cret_reader,s3cret_nobody 127.0.0.1/32 trust",
    );
    await onPostgresAt(server.url, "SELECT pg_reload_conf(), pg_sleep(0.3)");
  }, 60_000);
  afterAll(() => server.stop());

  test.each([
    ["a wrong password", { user: "s3cret_scram", password: "hunter2" }, "28P01"],
    ["no password", { user: "s3cret_scram" }, "NO_PASSWORD"],
    ["a user that does not exist", { user: "s3cret_nobody" }, "28000"],
    ["a user that may not log in", { user: "s3cret_nologin" }, "28000"],
    ["no line of pg_hba.conf", { user: "s3cret_outside" }, "28000"],
    ["no such database", { database: "s3cret_db" }, "3D000"],
    ["no free connection", { user: "s3cret_full" }, "53300"],
  ] as const)("for %s is a code, and names nothing of the URL", async (_what, change, code) => {
    const fault = await faultOf(at(change));
    expect(fault).toMatchObject({ code, message: `PostgreSQL: ${code}` });
    expect(inspect(fault, { showHidden: true })).not.toMatch(/s3cret|hunter2|127\.0\.0\.1/);
  });

  test("for a change that is not accepted, a missing table, and a statement that takes too long is reported likewise", async () => {
    await onPostgresAt(server.url, "GRANT ALL ON SCHEMA public TO PUBLIC");
    const reader = at({ user: "s3cret_reader" });
    expect(await faultOf(reader, "CREATE TABLE t (a INT)")).toMatchObject({ code: "25006" });
    expect(await faultOf(at({}), "SELECT * FROM key_sets")).toMatchObject({ code: "42P01" });
    expect(await faultOf(at({}), "SELECT pg_sleep(1.8)")).toMatchObject({ code: "57014" });
  });

  test.each([
    ["INSERT INTO rows VALUES ('s3cret')", "unique violation: table rows, rows_pkey"],
    [
      "INSERT INTO rows VALUES ('s3cret', -1)",
      "PostgreSQL rejects a statement of this service (23514, table rows, constraint rows_b_check)",
    ],
    ["SELECT 's3cret'::int", "PostgreSQL rejects a statement of this service (22P02)"],
  ])("never shows a row, as the server's own message does: %s", async (sql, message) => {
    const made =
      "CREATE TABLE rows (a TEXT PRIMARY KEY, b INT CHECK (b > 0)); INSERT INTO rows VALUES ('s3cret')";
    const fault = await thrownAt(at({}), `${made}; ${sql}`);
    expect(fault).toMatchObject({ message });
    expect(inspect(fault, { showHidden: true })).not.toContain("s3cret");
  });
});

describe("a statement that fails", () => {
  const fault = (code: string, place: { schema?: string; table?: string; constraint?: string } = {}) =>
    statementFaultOf(
      Object.assign(new pg.DatabaseError("as the server says", 1, "error"), { code, ...place }),
    );

  test("for a row that is there already is an answer, with its table and constraint", () => {
    expect(fault("23505", { schema: "public", table: "t", constraint: "t_pkey" })).toEqual(
      new UniqueViolation("t", "t_pkey"),
    );
  });

  test("for a table that another transaction makes at this moment is tried again", () => {
    for (const one of [
      fault("23505", { schema: "pg_catalog", table: "pg_type" }),
      fault("42P07"),
      fault("40001"),
    ])
      expect(one).toMatchObject({ name: "StoreUnavailable", mayTryAgain: true });
  });

  test.each(["22P02", "22021", "23502", "23514", "42601", "42883", "42P10"])(
    "for a bug of this service is no outage, and not tried again: %s",
    (code) => {
      expect(fault(code)).toBeInstanceOf(StatementRejected);
      // While a connection is made it is about what the operator wrote, such as options=.
      expect(connectionFaultOf(Object.assign(new Error("x"), { code }), "connect")).toBeInstanceOf(
        StoreUnavailable,
      );
    },
  );

  test.each(["42501", "42P01", "42P07", "42703"])(
    "for what the operator can correct is an outage: %s",
    (code) => {
      expect(fault(code)).toBeInstanceOf(StoreUnavailable);
    },
  );
});

import { describe, expect, test } from "vitest";
import { postgresAt, serverUrl } from "../../../testing/postgres/postgres-server.ts";
import { mayLeavePostgresOut } from "../../../testing/store-places.ts";
import { type DatabaseFacts, lookAtDatabase } from "../../../wiring/look-at-database.ts";
import { databaseCanBeUsed, databaseIsReachedSafely } from "./database-rules.ts";

function at(
  url: string,
  answer: DatabaseFacts["answer"] = { kind: "used", acceptsWrites: true },
): DatabaseFacts {
  return { location: postgresAt(url), answer };
}

describe("a PostgreSQL store", () => {
  test.each([
    ["postgres://db/k?sslmode=disable", "warn"],
    ["postgres://db/k", "warn"],
    ["postgres://db/k?sslmode=require", "warn"],
    ["postgres://localhost,db/k?sslmode=require", "warn"],
    ["postgres://db/k?sslmode=verify-full", "ok"],
    ["postgres://127.0.0.1/k", "ok"],
    ["postgres:///k?host=/var/run/postgresql", "ok"],
  ])("at %s is a warning unless the server is checked or on this machine", (url, grade) => {
    expect(databaseIsReachedSafely(at(url))).toMatchObject([{ check: "store-encryption", grade }]);
  });

  test("that accepts no writes fails, with the fix", () => {
    expect(databaseCanBeUsed(at("postgres://db/k", { kind: "used", acceptsWrites: false }))).toMatchObject([
      {
        check: "store",
        grade: "fail",
        fix: expect.stringContaining("target_session_attrs=read-write") as string,
      },
    ]);
  });

  test("that cannot be reached, or whose certificate cannot be read, fails with the line that a start would log", async () => {
    expect(
      databaseCanBeUsed(await lookAtDatabase(postgresAt("postgres://auth:hunter2@127.0.0.1:1/k"))),
    ).toMatchObject([
      {
        grade: "fail",
        found: expect.stringContaining("ECONNREFUSED") as string,
        fix: expect.stringContaining("host and port") as string,
      },
    ]);
    expect(
      databaseCanBeUsed(await lookAtDatabase(postgresAt("postgres://db/k?sslrootcert=/none/ca.pem"))),
    ).toMatchObject([
      { grade: "fail", found: expect.stringMatching(/\/none\/ca\.pem cannot be read/) as string },
    ]);
  });

  test.skipIf(mayLeavePostgresOut())("that can be used passes, and nothing is created in it", async () => {
    const facts = await lookAtDatabase(postgresAt(`${serverUrl()}?schema=no_such_schema`));
    expect(databaseCanBeUsed(facts)).toMatchObject([{ check: "store", grade: "ok" }]);
  });
});

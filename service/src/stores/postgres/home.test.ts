import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../../kernel/faults.ts";
import { type KeySet, type KeyStore, StoreUnavailable } from "../../keys/key-store.ts";
import { activate, publishFresh, sealerUnder } from "../../testing/key-store-contract.ts";
import { TestClock } from "../../testing/moments.ts";
import { freshName, onPostgres, onPostgresAt, urlOf } from "../../testing/postgres-server.ts";
import { mayLeavePostgresOut, storeAt } from "../../testing/store-places.ts";
import { openKeyStore } from "../open.ts";
import { homeOf, type Look } from "./home.ts";

const sealer = sealerUnder(1);

function look(override: Partial<Look>): Look {
  return { schema: null, usable: null, first: "public", path: '"$user", public', role: "macp", ...override };
}

describe("the schema of the tables", () => {
  test.each([
    ["no tables", [look({})], undefined, { schema: "public", hasTables: false }],
    [
      "no tables, and a path that leads nowhere",
      [look({ first: null })],
      undefined,
      { schema: undefined, hasTables: false },
    ],
    ["no tables, and a wish", [look({})], "mine", { schema: "mine", hasTables: false }],
    [
      "tables that the path finds second",
      [look({ first: "macp", schema: "public", usable: true })],
      undefined,
      { schema: "public", hasTables: true },
    ],
    [
      "tables outside of the path",
      [look({ schema: "other", usable: true })],
      undefined,
      { schema: "other", hasTables: true },
    ],
    [
      "tables in the path and others outside",
      [look({ schema: "old", usable: true }), look({ schema: "public", usable: true })],
      undefined,
      { schema: "public", hasTables: true },
    ],
    [
      "tables of somebody else, out of reach",
      [look({ schema: "theirs", usable: false })],
      undefined,
      { schema: "public", hasTables: false },
    ],
    [
      "tables elsewhere, and a wish for another schema",
      [look({ schema: "public", usable: true })],
      "mine",
      { schema: "mine", hasTables: false },
    ],
    [
      "a quoted name in the path",
      [
        look({ schema: 'My "own"', usable: true, path: '"My ""own""", PUBLIC' }),
        look({ schema: "x", usable: true }),
      ],
      undefined,
      { schema: 'My "own"', hasTables: true },
    ],
  ] as const)("with %s is the right one", (_what, looks, wanted, home) => {
    expect(homeOf(looks, wanted)).toEqual(home);
  });

  test.each([
    ["both in the path", [look({ schema: "macp", usable: true }), look({ schema: "public", usable: true })]],
    [
      "both outside of it",
      [
        look({ schema: "macp", usable: true, path: "x" }),
        look({ schema: "public", usable: true, path: "x" }),
      ],
    ],
  ])("is never guessed when two have tables, %s: the fault names both and schema=", (_where, looks) => {
    expect(() => homeOf(looks, undefined)).toThrow(
      new ConfigError([
        "MACP_AUTH_STORE_URL: the schemas macp and public of this database each hold a set of keys; name the one to use with schema=NAME, and drop the other when nobody uses it",
      ]),
    );
    expect(homeOf(looks, "public")).toEqual({ schema: "public", hasTables: true });
  });

  test("is no other one when the path names one with tables and the right to it is gone", () => {
    expect(() => homeOf([look({ first: "macp", schema: "public", usable: false })], undefined)).toThrow(
      "PostgreSQL: the search path has a schema with keys, and the user has no right on that schema",
    );
  });
});

describe.skipIf(mayLeavePostgresOut())(
  "a database that is shared and changed by others",
  { timeout: 60_000 },
  () => {
    let database: string;
    let role: string;
    let opened: KeyStore[];

    const sql = (...statements: readonly string[]) => onPostgresAt(urlOf({ database }), ...statements);
    const url = (parameters: Readonly<Record<string, string>> = {}, as = role): string => {
      const made = new URL(urlOf({ database, role: as }));
      for (const [name, value] of Object.entries(parameters)) made.searchParams.set(name, value);
      // URLSearchParams writes a blank as +, which libpq and this service take for a plus.
      return made.href.replaceAll("+", "%20");
    };
    const open = async (parameters?: Readonly<Record<string, string>>, as?: string): Promise<KeyStore> => {
      const store = await openKeyStore(storeAt(url(parameters, as)), { sealer, clock: new TestClock() });
      opened.push(store);
      return store;
    };
    const kids = (set: KeySet): readonly string[] => set.keys.map(({ kid }) => kid);
    const homes = async (): Promise<unknown[]> =>
      (await sql("SELECT schemaname FROM pg_tables WHERE tablename = 'keyset' ORDER BY 1")).map(
        (row) => (row as { schemaname: string }).schemaname,
      );
    const withOneKey = async (store: KeyStore): Promise<readonly string[]> => {
      const fresh = await publishFresh(sealer);
      await store.replace(0, [fresh, activate(fresh)]);
      return kids(await store.load());
    };

    beforeEach(async () => {
      [database, role, opened] = [freshName("home"), freshName("role"), []];
      await onPostgres(`CREATE DATABASE ${database}`, `CREATE ROLE ${role} LOGIN`);
      await sql(`GRANT CREATE, USAGE ON SCHEMA public TO ${role}`);
    });
    afterEach(async () => {
      for (const store of opened) await store.close();
      await onPostgres(`DROP DATABASE ${database} WITH (FORCE)`, `DROP ROLE ${role}`);
    });

    test("a schema named like the role, made later, hides no keys: a second replica joins the set, and the first goes on", async () => {
      const first = await open();
      const before = await withOneKey(first);
      await sql(`CREATE SCHEMA ${role} AUTHORIZATION ${role}`);
      const second = await open();
      expect(kids(await second.load())).toEqual(before);
      expect(await second.replace(1, [await publishFresh(sealer)])).toBe("replaced");
      expect((await first.load()).version).toBe(2);
      expect(await homes()).toEqual(["public"]);
    });

    test("a search path that leads elsewhere makes no second set", async () => {
      const before = await withOneKey(await open());
      await sql(
        `CREATE SCHEMA elsewhere AUTHORIZATION ${role}`,
        `ALTER ROLE ${role} SET search_path = elsewhere`,
      );
      expect(kids(await (await open()).load())).toEqual(before);
      expect(await homes()).toEqual(["public"]);
    });

    test("tables that are moved to another schema under a running replica are followed", async () => {
      const store = await open();
      const before = await withOneKey(store);
      await sql(`CREATE SCHEMA moved AUTHORIZATION ${role}`);
      const tables = (await sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")) as readonly {
        readonly tablename: string;
      }[];
      for (const { tablename } of tables) await sql(`ALTER TABLE public.${tablename} SET SCHEMA moved`);
      await expect(store.load()).rejects.toThrow("(42P01)");
      expect(kids(await store.load())).toEqual(before);
    });

    test("schema= chooses, and two services share a database by it", async () => {
      await sql(`CREATE SCHEMA one AUTHORIZATION ${role}`, `CREATE SCHEMA "The other" AUTHORIZATION ${role}`);
      const [one, other] = [await open({ schema: "one" }), await open({ schema: "The other" })];
      const [ofOne, ofOther] = [await withOneKey(one), await withOneKey(other)];
      expect(kids(await (await open({ schema: "one" })).load())).toEqual(ofOne);
      expect(kids(await (await open({ schema: "The other" })).load())).toEqual(ofOther);
      await expect(open()).rejects.toThrow(
        "the schemas The other and one of this database each hold a set of keys",
      );
      expect(await homes()).toEqual(["The other", "one"]);
    });

    test("schema= of a schema that does not exist is a fault with the fix", async () => {
      const fault: unknown = await open({ schema: "typo" }).catch((thrown: unknown) => thrown);
      expect(fault).toBeInstanceOf(StoreUnavailable);
      expect(fault).toMatchObject({
        message: "PostgreSQL: there is no such schema, or none that tables could be made in (3F000)",
        fix: expect.stringContaining("CREATE SCHEMA") as string,
      });
      expect(await homes()).toEqual([]);
    });

    test("a role that lost its right on the schema with the keys makes no second set in its own", async () => {
      await withOneKey(await open());
      await sql(
        `CREATE SCHEMA ${role} AUTHORIZATION ${role}`,
        `REVOKE ALL ON SCHEMA public FROM PUBLIC, ${role}`,
      );
      await expect(open()).rejects.toThrow("the user has no right on that schema");
      expect(await homes()).toEqual(["public"]);
    });

    test("replicas whose paths lead to different schemas, and that start on an empty database at once, make one set", async () => {
      await sql(`CREATE SCHEMA a AUTHORIZATION ${role}`, `CREATE SCHEMA b AUTHORIZATION ${role}`);
      const paths = ["a", "b", "public", "a", "b", "public"];
      await Promise.all(paths.map((path) => open({ options: `-c search_path=${path}` })));
      expect(await homes()).toHaveLength(1);
    });

    test("an engine without advisory locks makes the tables all the same", async () => {
      await sql(
        "REVOKE EXECUTE ON FUNCTION pg_advisory_xact_lock(bigint), pg_advisory_xact_lock(int, int) FROM PUBLIC",
      );
      await withOneKey(await open());
      expect(await homes()).toEqual(["public"]);
    });

    test("another program's schema_version in the same schema is a fault, and is left as it is", async () => {
      await sql(
        "CREATE TABLE schema_version (version TEXT, script TEXT)",
        "INSERT INTO schema_version VALUES ('1', 'x')",
      );
      await sql(`GRANT ALL ON schema_version TO ${role}`);
      await expect(open()).rejects.toThrow("a table has not the columns of this service (42703)");
      expect(await sql("SELECT * FROM schema_version")).toEqual([{ version: "1", script: "x" }]);
      expect(await homes()).toEqual([]);
    });

    test("a role without the right to make tables, or to read them, is told what to grant", async () => {
      await sql(`REVOKE CREATE ON SCHEMA public FROM ${role}`);
      const fault: unknown = await open().catch((thrown: unknown) => thrown);
      expect(fault).toMatchObject({
        message: "PostgreSQL: the user lacks a right on the schema or its tables (42501)",
        fix: expect.stringMatching(/GRANT USAGE, CREATE ON SCHEMA/) as string,
      });
      await sql(`GRANT CREATE ON SCHEMA public TO ${role}`);
      const before = await withOneKey(await open());
      await sql(`REVOKE CREATE ON SCHEMA public FROM ${role}`);
      expect(kids(await (await open()).load())).toEqual(before);
      await sql(`ALTER TABLE keyset OWNER TO CURRENT_USER`, `REVOKE ALL ON keyset FROM ${role}`);
      await expect((await open()).load()).rejects.toThrow("(42501)");
    });
  },
);

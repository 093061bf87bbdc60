import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import type { KeySet, KeyStore } from "../../keys/managed/key-store.ts";
import { activate, publishFresh } from "../../testing/contracts/key-store-contract.ts";
import { keksUnder } from "../../testing/custodies.ts";
import { freshName, onPostgres, onPostgresAt, urlOf } from "../../testing/postgres/postgres-server.ts";
import { mayLeavePostgresOut, type OwnKeyStore, openKeyStore, storeAt } from "../../testing/store-places.ts";
import { NO_RIGHT_ON_SCHEMA, PostgresFault, PostgresUnusable } from "./faults.ts";
import { homeOf, type Look } from "./home.ts";

const keks = keksUnder(1);

function look(override: Partial<Look>): Look {
  return {
    schema: null,
    complete: override.schema !== undefined,
    usable: false,
    own: true,
    of_schema_owner: false,
    of_database_owner: false,
    first: "public",
    path: '"$user", public',
    role: "macp",
    ...override,
  };
}

describe("the schema of the tables", () => {
  test.each([
    ["no tables", [look({})], undefined, { schema: "public", hasTables: false }],
    [
      "no tables, and a path without an existing schema",
      [look({ first: null })],
      undefined,
      { schema: undefined, hasTables: false },
    ],
    ["no tables, and schema=", [look({})], "mine", { schema: "mine", hasTables: false }],
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
      "tables of another role, without rights on them",
      [look({ schema: "theirs", usable: false })],
      undefined,
      { schema: "public", hasTables: false },
    ],
    [
      "tables elsewhere, and schema= with another schema",
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
  ])("is never guessed when two have tables, %s: the fault names both", (_where, looks) => {
    expect(() => homeOf(looks, undefined)).toThrow(
      new PostgresUnusable({ kind: "several_schemas", schemas: ["macp", "public"] }),
    );
    expect(homeOf(looks, "public")).toEqual({ schema: "public", hasTables: true });
  });

  const foreign = { usable: true, own: false } as const;
  /** The fault of a call that must throw one. */
  const faultOf = (call: () => unknown): unknown => {
    try {
      return call();
    } catch (thrown) {
      return thrown;
    }
  };

  test.each([
    ["outside of the path", look({ ...foreign, schema: "tenant" })],
    [
      "outside of the path, of the database's owner",
      look({ ...foreign, schema: "tenant", of_database_owner: true, of_schema_owner: true }),
    ],
    ["in public, in the default path", look({ ...foreign, schema: "public" })],
    ["in public, in a path that names it", look({ ...foreign, schema: "public", path: "app, public" })],
    ["in a schema that was named like the role", look({ ...foreign, schema: "macp", of_schema_owner: true })],
  ])("is not one whose tables belong to another role, %s; and none is made beside it", (_where, theirs) => {
    expect(faultOf(() => homeOf([theirs], undefined))).toMatchObject({
      fault: { kind: "tables_of_another", schema: theirs.schema, complete: true },
    });
    expect(homeOf([theirs], theirs.schema ?? undefined)).toEqual({ schema: theirs.schema, hasTables: true });
    expect(homeOf([theirs], "mine")).toEqual({ schema: "mine", hasTables: false });
    const path = `${theirs.path}, mine`;
    const own = look({ schema: "mine", usable: true, path });
    expect(homeOf([own, { ...theirs, path }], undefined)).toEqual({ schema: "mine", hasTables: true });
    expect(homeOf([{ ...own, path: theirs.path }, theirs], undefined)).toEqual({
      schema: "mine",
      hasTables: true,
    });
  });

  test.each([
    ["a schema that the path names", { schema: "app", path: "app", of_schema_owner: true }],
    [
      "public, by the owner of the database",
      { schema: "public", of_database_owner: true, of_schema_owner: true },
    ],
  ])("may belong to another role where the operator put it: %s", (_where, there) => {
    const looks = [look({ ...foreign, ...there })];
    expect(homeOf(looks, undefined)).toEqual({ schema: there.schema, hasTables: true });
  });

  test("gets no tables beside one of another owner that has the name of one of them", () => {
    const part = look({ ...foreign, schema: "public", complete: false });
    for (const wanted of [undefined, "public"])
      expect(faultOf(() => homeOf([part], wanted))).toMatchObject({
        fault: { kind: "tables_of_another", schema: "public", complete: false },
      });
    expect(homeOf([part], "mine")).toEqual({ schema: "mine", hasTables: false });
    expect(homeOf([{ ...part, first: "mine" }], undefined)).toEqual({ schema: "mine", hasTables: false });
  });

  test("is no other one when the path names one with tables and the role has lost its right on it", () => {
    expect(() => homeOf([look({ first: "macp", schema: "public", usable: false })], undefined)).toThrow(
      new PostgresFault(NO_RIGHT_ON_SCHEMA, "query"),
    );
  });
});

describe.skipIf(mayLeavePostgresOut())(
  "a database that is shared and changed by others",
  { timeout: 60_000 },
  () => {
    let database: string;
    let role: string;
    let opened: OwnKeyStore[];

    const sql = (...statements: readonly string[]) => onPostgresAt(urlOf({ database }), ...statements);
    const url = (parameters: Readonly<Record<string, string>> = {}, as = role): string => {
      const made = new URL(urlOf({ database, role: as }));
      for (const [name, value] of Object.entries(parameters)) made.searchParams.set(name, value);
      // URLSearchParams writes a blank as +, which libpq and this service read as a plus.
      return made.href.replaceAll("+", "%20");
    };
    const open = async (parameters?: Readonly<Record<string, string>>, as?: string): Promise<OwnKeyStore> => {
      const store = await openKeyStore(storeAt(url(parameters, as)), keks);
      opened.push(store);
      return store;
    };
    const kids = (set: KeySet): readonly string[] => set.keys.map(({ kid }) => kid);
    const homes = async (): Promise<unknown[]> =>
      (await sql("SELECT schemaname FROM pg_tables WHERE tablename = 'key_sets' ORDER BY 1")).map(
        (row) => (row as { schemaname: string }).schemaname,
      );
    const withOneKey = async (store: KeyStore): Promise<readonly string[]> => {
      const fresh = await publishFresh(keks);
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

    test("a schema named like the role, made later, hides no keys: a second replica joins the set, and the first continues", async () => {
      const first = await open();
      const before = await withOneKey(first);
      await sql(`CREATE SCHEMA ${role} AUTHORIZATION ${role}`);
      const second = await open();
      expect(kids(await second.load())).toEqual(before);
      expect(await second.replace(1, [await publishFresh(keks)])).toBe("replaced");
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
      await expect(store.load()).rejects.toMatchObject({ code: "42P01" });
      expect(kids(await store.load())).toEqual(before);
    });

    test("schema= chooses, and two services share a database by it", async () => {
      await sql(`CREATE SCHEMA one AUTHORIZATION ${role}`, `CREATE SCHEMA "The other" AUTHORIZATION ${role}`);
      const [one, other] = [await open({ schema: "one" }), await open({ schema: "The other" })];
      const [ofOne, ofOther] = [await withOneKey(one), await withOneKey(other)];
      expect(kids(await (await open({ schema: "one" })).load())).toEqual(ofOne);
      expect(kids(await (await open({ schema: "The other" })).load())).toEqual(ofOther);
      await expect(open()).rejects.toMatchObject({
        fault: { kind: "several_schemas", schemas: ["The other", "one"] },
      });
      expect(await homes()).toEqual(["The other", "one"]);
    });

    test("schema= of a schema that does not exist is a fault, and makes no tables elsewhere", async () => {
      const fault: unknown = await open({ schema: "typo" }).catch((thrown: unknown) => thrown);
      expect(fault).toBeInstanceOf(StoreUnavailable);
      expect(fault).toMatchObject({ code: "3F000" });
      expect(await homes()).toEqual([]);
    });

    test("a role that lost its right on the schema with the keys makes no second set in its own", async () => {
      await withOneKey(await open());
      await sql(
        `CREATE SCHEMA ${role} AUTHORIZATION ${role}`,
        `REVOKE ALL ON SCHEMA public FROM PUBLIC, ${role}`,
      );
      await expect(open()).rejects.toMatchObject({ code: NO_RIGHT_ON_SCHEMA });
      expect(await homes()).toEqual(["public"]);
    });

    test("replicas whose paths lead to different schemas, and that start on an empty database at once, make one set", async () => {
      await sql(`CREATE SCHEMA a AUTHORIZATION ${role}`, `CREATE SCHEMA b AUTHORIZATION ${role}`);
      const paths = ["a", "b", "public", "a", "b", "public"];
      await Promise.all(paths.map((path) => open({ options: `-c search_path=${path}` })));
      expect(await homes()).toHaveLength(1);
    });

    test("an engine without advisory locks still makes the tables", async () => {
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
      await expect(open()).rejects.toMatchObject({ code: "42703" });
      expect(await sql("SELECT * FROM schema_version")).toEqual([{ version: "1", script: "x" }]);
      expect(await homes()).toEqual([]);
    });

    describe("with a tenant that the service does not know", () => {
      let tenant: string;
      beforeEach(async () => {
        tenant = freshName("tenant");
        await onPostgres(`CREATE ROLE ${tenant} LOGIN`);
      });
      afterEach(async () => {
        for (const store of opened.splice(0)) await store.close();
        await sql(`ALTER DATABASE ${database} OWNER TO CURRENT_USER`, `DROP OWNED BY ${tenant} CASCADE`);
        await onPostgres(`DROP ROLE ${tenant}`);
      });
      const asTenant = (...statements: readonly string[]) =>
        onPostgresAt(urlOf({ database, role: tenant }), ...statements);
      /** A complete set that everyone may use, and which runs a function of the tenant's when a key is put in. */
      const layBait = async (schema: string): Promise<void> => {
        const store = await open({ schema }, tenant);
        await store.close();
        await asTenant(
          `SET search_path = ${schema}`,
          "CREATE TABLE loot (who TEXT)",
          `CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ${schema}.loot VALUES (current_user); RETURN NEW; END $$`,
          "CREATE TRIGGER bait AFTER INSERT ON signing_keys FOR EACH ROW EXECUTE FUNCTION steal()",
          `GRANT ALL ON ALL TABLES IN SCHEMA ${schema} TO PUBLIC`,
        );
        if (schema !== "public") await asTenant(`GRANT ALL ON SCHEMA ${schema} TO PUBLIC`);
      };

      test.each(["tenant", "public", "named like the role"])(
        "no tables of the tenant's are used, wherever they are: %s",
        async (where) => {
          const schema = where === "named like the role" ? role : where;
          if (schema === "public") await sql(`GRANT CREATE ON SCHEMA public TO ${tenant}`);
          else await sql(`CREATE SCHEMA ${schema} AUTHORIZATION ${tenant}`);
          await sql(`CREATE SCHEMA mine AUTHORIZATION ${role}`);
          await layBait(schema);
          for (const parameters of [{}, { options: "-c search_path=mine" }])
            await expect(open(parameters)).rejects.toMatchObject({
              fault: { kind: "tables_of_another", schema, complete: true },
            });
          const before = await withOneKey(await open({ schema: "mine" }));
          // The service's own set is now the only one that counts, in the path or not.
          expect(kids(await (await open()).load())).toEqual(before);
          expect(await sql(`SELECT * FROM ${schema}.loot`)).toEqual([]);
        },
      );

      test("nor is a single one in the schema where the tables are to be made", async () => {
        await sql(`GRANT CREATE ON SCHEMA public TO ${tenant}`);
        await asTenant(
          "CREATE TABLE public.schema_version (id INTEGER PRIMARY KEY, version INTEGER NOT NULL)",
          "GRANT ALL ON public.schema_version TO PUBLIC",
        );
        await expect(open()).rejects.toMatchObject({
          fault: { kind: "tables_of_another", schema: "public", complete: false },
        });
        expect(await sql("SELECT * FROM public.schema_version")).toEqual([]);
      });

      test("a superuser, who has every right, does not use them either", async () => {
        await sql(`CREATE SCHEMA tenant AUTHORIZATION ${tenant}`);
        await layBait("tenant");
        await onPostgres(`ALTER ROLE ${role} SUPERUSER`);
        await expect(open()).rejects.toMatchObject({
          fault: { kind: "tables_of_another", schema: "tenant", complete: true },
        });
      });

      test.each([{ schema: "app" }, { options: "-c search_path=app" }])(
        "tables that an owner's role made, and on which the service has only grants, are used: %o",
        async (parameters) => {
          await sql(`CREATE SCHEMA app AUTHORIZATION ${tenant}`);
          await (await open({ schema: "app" }, tenant)).close();
          await sql(
            `GRANT USAGE ON SCHEMA app TO ${role}`,
            `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO ${role}`,
          );
          await withOneKey(await open(parameters));
        },
      );

      test("so are those of a role that the service is a member of, and of the database's owner in public", async () => {
        await sql(`CREATE SCHEMA app AUTHORIZATION ${tenant}`);
        await (await open({ schema: "app" }, tenant)).close();
        await sql(`GRANT ${tenant} TO ${role}`);
        const before = await withOneKey(await open());
        await sql(`REVOKE ${tenant} FROM ${role}`, `ALTER DATABASE ${database} OWNER TO ${tenant}`);
        for (const { tablename } of (await sql(
          "SELECT tablename FROM pg_tables WHERE schemaname = 'app'",
        )) as readonly { readonly tablename: string }[])
          await sql(
            `ALTER TABLE app.${tablename} SET SCHEMA public`,
            `GRANT ALL ON public.${tablename} TO ${role}`,
          );
        expect(kids(await (await open()).load())).toEqual(before);
      });
    });

    test("a role without the right to make or read tables is reported as that", async () => {
      await sql(`REVOKE CREATE ON SCHEMA public FROM ${role}`);
      const fault: unknown = await open().catch((thrown: unknown) => thrown);
      expect(fault).toMatchObject({ code: "42501" });
      await sql(`GRANT CREATE ON SCHEMA public TO ${role}`);
      const before = await withOneKey(await open());
      await sql(`REVOKE CREATE ON SCHEMA public FROM ${role}`);
      expect(kids(await (await open()).load())).toEqual(before);
      await sql(`ALTER TABLE key_sets OWNER TO CURRENT_USER`, `REVOKE ALL ON key_sets FROM ${role}`);
      await expect((await open()).load()).rejects.toMatchObject({ code: "42501" });
    });
  },
);

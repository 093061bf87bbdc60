import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { activate, publishFresh } from "../../testing/contracts/key-store-contract.ts";
import { keksUnder } from "../../testing/custodies.ts";
import { mayLeavePgbouncerOut, type Pgbouncer, startPgbouncer } from "../../testing/postgres/pgbouncer.ts";
import { freshName, onPostgres, onPostgresAt, serverUrl } from "../../testing/postgres/postgres-server.ts";
import { openKeyStore, storeAt } from "../../testing/store-places.ts";

const keks = keksUnder(1);

describe.skipIf(mayLeavePgbouncerOut())(
  "behind a pooler (skipped: needs PgBouncer, apt-get install pgbouncer, and MACP_TEST_POSTGRES_URL)",
  { timeout: 60_000 },
  () => {
    let pooler: Pgbouncer | undefined;
    let schema: string;
    const start = async (mode: "statement" | "transaction" | "session"): Promise<URL> => {
      pooler = await startPgbouncer(mode);
      const url = new URL(serverUrl());
      url.port = String(pooler.port);
      return url;
    };
    const open = (url: URL) => openKeyStore(storeAt(url.href), keks);

    beforeEach(async () => {
      pooler = undefined;
      schema = freshName("pooled");
      await onPostgres(`CREATE SCHEMA ${schema}`);
    });
    afterEach(async () => {
      await pooler?.stop();
      await onPostgres(`DROP SCHEMA ${schema} CASCADE`);
    });

    test.each(["transaction", "session"] as const)(
      "in %s mode everything works, schema= too, and other clients of the connection see no change",
      async (mode) => {
        const url = await start(mode);
        url.searchParams.set("schema", schema);
        const store = await open(url);
        const fresh = await publishFresh(keks);
        expect(await store.replace(0, [fresh, activate(fresh)])).toBe("replaced");
        await store.close();
        const again = await open(url);
        expect((await again.load()).keys.map(({ kid }) => kid)).toEqual([fresh.kid]);
        await again.close();
        expect(await onPostgresAt(bare(url), "SHOW search_path")).toEqual([
          { search_path: '"$user", public' },
        ]);
        expect(await onPostgresAt(bare(url), "SHOW statement_timeout")).toEqual([{ statement_timeout: "0" }]);
      },
    );

    test("a temporary table that another client left in the connection is not used", async () => {
      const url = await start("transaction");
      url.searchParams.set("schema", schema);
      const store = await open(url);
      await onPostgresAt(
        bare(url),
        "CREATE TEMPORARY TABLE key_sets (name TEXT, version INT, tag TEXT, served_at INT)",
        "INSERT INTO key_sets VALUES ('default', 9, 'not ours', 0)",
      );
      expect((await store.load()).version).toBe(0);
      await store.close();
      const other = await open(url);
      expect((await other.load()).version).toBe(0);
      await other.close();
    });

    test("statement mode is found at the first transaction", async () => {
      const fault: unknown = await open(await start("statement")).catch((thrown: unknown) => thrown);
      expect(fault).toMatchObject({ code: "08P01", phase: "begin" });
    });

    test("a pooler that accepts no options, or does not know the database, is not reported as in statement mode", async () => {
      const url = await start("transaction");
      const withOptions = new URL(url);
      withOptions.searchParams.set("options", "-c jit=off");
      const elsewhere = new URL(url);
      elsewhere.pathname = "/unknown";
      for (const wrong of [withOptions, elsewhere])
        await expect(open(wrong)).rejects.toMatchObject({ code: "08P01", phase: "connect" });
    });
  },
);

/** The same address as another client of the pooler has it. */
function bare(url: URL): string {
  const made = new URL(url);
  made.search = "";
  return made.href;
}

import { expect, test } from "vitest";
import { epochSeconds } from "../../kernel/clock.ts";
import { DEFAULT_KEY_SET } from "../../kernel/ids.ts";
import { StatementRejected } from "../../kernel/store-faults.ts";
import { beatOf, OTHER_SET, publishFresh } from "../../testing/contracts/key-store-contract.ts";
import { storedKeysContract } from "../../testing/contracts/stored-keys-contract.ts";
import { keksUnder } from "../../testing/custodies.ts";
import { wideTypesPlace } from "../../testing/postgres/postgres-server.ts";
import { mayLeavePostgresOut, postgresPlace } from "../../testing/store-places.ts";
import { sqlKeyStore } from "../sql/key-store.ts";
import { rowTags } from "../sql/row-tags.ts";

const keks = keksUnder(1);

if (mayLeavePostgresOut())
  test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
else {
  test("fetches that cannot be stored are dropped and counted, and their beat is committed", async () => {
    const place = await postgresPlace();
    const dropped: unknown[][] = [];
    await (await place.open(keks)).close();
    await place.sql("ALTER TABLE verifiers ADD CONSTRAINT seeded CHECK (user_agent <> 'poison')");
    const store = sqlKeyStore(place.database, {
      keySet: DEFAULT_KEY_SET,
      tags: rowTags(keks),
      fetchesDropped: (...fault) => dropped.push(fault),
    });
    const verifiers = [
      {
        address: "::1",
        userAgent: "poison",
        version: 0,
        seenAt: epochSeconds(9),
        minIntervalSeconds: undefined,
        fetches: 3,
      },
    ];
    await store.beat(beatOf({ verifiers }));
    expect(dropped).toEqual([[3, expect.any(StatementRejected)]]);
    await store.beat(beatOf({ verifiers: verifiers.map((one) => ({ ...one, userAgent: "fine" })) }));
    const set = await store.load();
    expect(set.replicas.map(({ id }) => id)).toEqual(["one"]);
    expect(set.verifiers.map(({ userAgent }) => userAgent)).toEqual(["fine"]);
    await place.remove();
  });

  test("a change of one set does not wait for a transaction that holds another", async () => {
    const place = await postgresPlace();
    const [store, other] = [await place.open(keks), await place.open(keks, OTHER_SET)];
    await place.database.write(async (query) => {
      await query("UPDATE key_sets SET version = version WHERE name = $1", [DEFAULT_KEY_SET]);
      await query("UPDATE signing_keys SET active = active WHERE key_set = $1", [DEFAULT_KEY_SET]);
      expect(await other.replace(0, [await publishFresh(keks)])).toBe("replaced");
      await other.beat(beatOf());
    });
    expect((await store.load()).version).toBe(0);
    await place.remove();
  });

  storedKeysContract("PostgreSQL", postgresPlace);
  storedKeysContract("PostgreSQL, with INT8 for INTEGER and every value as text", wideTypesPlace);
}

import { expect, test } from "vitest";
import { epochSeconds } from "../../kernel/clock.ts";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import { beatOf, sealerUnder } from "../../testing/key-store-contract.ts";
import { wideTypesPlace } from "../../testing/postgres-server.ts";
import { mayLeavePostgresOut, postgresPlace } from "../../testing/store-places.ts";
import { storedKeysContract } from "../../testing/stored-keys-contract.ts";
import { sqlKeyStore } from "../sql/key-store.ts";

const sealer = sealerUnder(1);

if (mayLeavePostgresOut())
  test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
else {
  test("fetches that cannot be written are dropped and counted, and the beat they came with is committed", async () => {
    const place = await postgresPlace();
    const dropped: unknown[][] = [];
    await (await place.open(sealer)).close();
    await place.sql("ALTER TABLE verifiers ADD CONSTRAINT seeded CHECK (user_agent <> 'poison')");
    const store = sqlKeyStore(place.database, sealer, (...fault) => dropped.push(fault));
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
    expect(dropped).toEqual([[3, expect.any(StoreUnavailable)]]);
    await store.beat(beatOf({ verifiers: verifiers.map((one) => ({ ...one, userAgent: "fine" })) }));
    const set = await store.load();
    expect(set.replicas.map(({ id }) => id)).toEqual(["one"]);
    expect(set.verifiers.map(({ userAgent }) => userAgent)).toEqual(["fine"]);
    await place.remove();
  });

  storedKeysContract("PostgreSQL", postgresPlace);
  storedKeysContract("PostgreSQL, with INT8 for INTEGER and every value as text", wideTypesPlace);
}

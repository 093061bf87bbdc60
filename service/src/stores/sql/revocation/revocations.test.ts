import { test } from "vitest";
import { describeRevocations, LIFE_SECONDS_MAX } from "../../../testing/contracts/revocations-contract.ts";
import { mayLeavePostgresOut, postgresPlace, sqlitePlace, storeAt } from "../../../testing/store-places.ts";
import { openAdapter } from "../../open.ts";
import { sqlLedger } from "../ledger.ts";
import { migrate } from "../migrate.ts";
import { sqlRevocations } from "./revocations.ts";

for (const [name, makePlace] of [
  ["SQLite", sqlitePlace],
  ["PostgreSQL", postgresPlace],
] as const) {
  if (name === "PostgreSQL" && mayLeavePostgresOut()) {
    test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
    continue;
  }
  describeRevocations(name, async () => {
    const place = await makePlace();
    const location = storeAt(place.url);
    const [one, other] = [await openAdapter(location), await openAdapter(location)];
    await migrate(one);
    return {
      ledger: sqlLedger(one),
      store: sqlRevocations(one, LIFE_SECONDS_MAX),
      other: sqlRevocations(other, LIFE_SECONDS_MAX),
      async close() {
        for (const database of [one, other]) await database.close();
        await place.remove();
      },
    };
  });
}

import { test } from "vitest";
import { describeLedger } from "../../testing/contracts/ledger-contract.ts";
import { mayLeavePostgresOut, postgresPlace, sqlitePlace, storeAt } from "../../testing/store-places.ts";
import { memoryLedger } from "../memory/ledger.ts";
import { openAdapter } from "../open.ts";
import { sqlLedger } from "./ledger.ts";
import { migrate } from "./migrate.ts";

describeLedger("memory", () => {
  const store = memoryLedger();
  return Promise.resolve({ processes: [store, store], close: () => Promise.resolve() });
});

for (const [name, makePlace] of [
  ["SQLite", sqlitePlace],
  ["PostgreSQL", postgresPlace],
] as const) {
  if (name === "PostgreSQL" && mayLeavePostgresOut()) {
    test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
    continue;
  }
  describeLedger(name, async () => {
    const place = await makePlace();
    const location = storeAt(place.url);
    const databases = [await openAdapter(location), await openAdapter(location)] as const;
    await migrate(databases[0]);
    return {
      processes: [sqlLedger(databases[0]), sqlLedger(databases[1])],
      async close() {
        for (const database of databases) await database.close();
        await place.remove();
      },
    };
  });
}

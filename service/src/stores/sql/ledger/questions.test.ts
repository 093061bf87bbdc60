import { test } from "vitest";
import { describeLedgerQuestions } from "../../../testing/contracts/ledger-questions-contract.ts";
import { mayLeavePostgresOut, postgresPlace, sqlitePlace, storeAt } from "../../../testing/store-places.ts";
import { memoryLedger } from "../../memory/ledger.ts";
import { memoryLedgerQuestions } from "../../memory/ledger-questions.ts";
import { memoryRecords } from "../../memory/records.ts";
import { openAdapter } from "../../open.ts";
import { sqlLedger } from "../ledger.ts";
import { migrate } from "../migrate.ts";
import { sqlLedgerQuestions } from "./questions.ts";

describeLedgerQuestions("memory", () => {
  const records = memoryRecords();
  return Promise.resolve({
    store: memoryLedger(records),
    questions: memoryLedgerQuestions(records),
    close: () => Promise.resolve(),
  });
});

for (const [name, makePlace] of [
  ["SQLite", sqlitePlace],
  ["PostgreSQL", postgresPlace],
] as const) {
  if (name === "PostgreSQL" && mayLeavePostgresOut()) {
    test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
    continue;
  }
  describeLedgerQuestions(name, async () => {
    const place = await makePlace();
    const database = await openAdapter(storeAt(place.url));
    await migrate(database);
    return {
      store: sqlLedger(database),
      // Few, so that pages end before they are full.
      questions: sqlLedgerQuestions(database, 20),
      async close() {
        await database.close();
        await place.remove();
      },
    };
  });
}

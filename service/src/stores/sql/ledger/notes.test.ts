import { test } from "vitest";
import { describeNoteStore } from "../../../testing/contracts/note-store-contract.ts";
import { mayLeavePostgresOut, postgresPlace, sqlitePlace, storeAt } from "../../../testing/store-places.ts";
import { openAdapter } from "../../open.ts";
import { migrate } from "../migrate.ts";
import { sqlNotes } from "./notes.ts";

for (const [name, makePlace] of [
  ["SQLite", sqlitePlace],
  ["PostgreSQL", postgresPlace],
] as const) {
  if (name === "PostgreSQL" && mayLeavePostgresOut()) {
    test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
    continue;
  }
  describeNoteStore(name, async () => {
    const place = await makePlace();
    const location = storeAt(place.url);
    const databases = [await openAdapter(location), await openAdapter(location)] as const;
    await migrate(databases[0]);
    return {
      replicas: [sqlNotes(databases[0]), sqlNotes(databases[1])],
      async close() {
        for (const database of databases) await database.close();
        await place.remove();
      },
    };
  });
}

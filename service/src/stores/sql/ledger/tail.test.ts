import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { newChainName } from "../../../ledger/chain.ts";
import { onEachEngine, openTwice, type SharedStore } from "../../../testing/each-engine.ts";
import { batchAfter, mintEntry } from "../../../testing/ledger-entries.ts";
import { countingRandom } from "../../../testing/mint-deps.ts";
import type { Database } from "../database.ts";
import { sqlLedger } from "../ledger.ts";

onEachEngine((name, makePlace) => {
  describe(`${name}: the tail of the ledger`, () => {
    let store: SharedStore;
    let writes: number;
    let beforeWrite: () => Promise<unknown>;
    /** Counts the transactions that file, and does something before each. */
    let watched: Database;

    beforeEach(async () => {
      store = await openTwice(makePlace);
      writes = 0;
      beforeWrite = () => Promise.resolve();
      const [database] = store.databases;
      watched = {
        ...database,
        async write(work, how) {
          writes += 1;
          await beforeWrite();
          return database.write(work, how);
        },
      };
    });
    afterEach(() => store.close());

    const rowsOf = async (table: string) =>
      Number(
        ((await store.place.sql(`SELECT count(*) AS rows FROM ${table}`)) as { rows: unknown }[])[0]?.rows,
      );

    /** Appends batches of so many entries to a chain, and resolves when they are written. */
    const appender = () => {
      const ledger = sqlLedger(store.databases[1]);
      const chain = newChainName(countingRandom());
      let before: Parameters<typeof batchAfter>[0] = chain;
      let made = 0;
      return async (batches: number, entries: number) => {
        for (let batch = 0; batch < batches; batch += 1) {
          const next = batchAfter(
            before,
            Array.from({ length: entries }, (_, entry) => mintEntry(`j-${String(made + entry)}`)),
          );
          expect(await ledger.append(next)).toMatchObject({ kind: "appended" });
          before = next.entries.at(-1) ?? before;
          made += entries;
        }
      };
    };

    test("is filed whole, also when it is more than one transaction's worth", async () => {
      await appender()(300, 5);
      await sqlLedger(watched).file();
      expect([await rowsOf("ledger_tail"), await rowsOf("ledger_entries")]).toEqual([0, 1_500]);
      expect(writes).toBeLessThanOrEqual(13);
    });

    test("is not run after: filing ends while batches come as fast as they are filed", async () => {
      const append = appender();
      await append(3, 4);
      beforeWrite = () => append(1, 1);
      await sqlLedger(watched).file();
      expect(writes).toBe(1);
      expect(await rowsOf("ledger_entries")).toBeGreaterThanOrEqual(12);
    });

    test("costs one look when there is none", async () => {
      await sqlLedger(watched).file();
      expect(writes).toBe(0);
    });
  });
});

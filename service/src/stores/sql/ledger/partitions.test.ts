import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EpochMs, epochMs } from "../../../kernel/clock.ts";
import { systemRandom } from "../../../kernel/random.ts";
import { newChainName } from "../../../ledger/chain.ts";
import { onEachEngine, openTwice, type SharedStore } from "../../../testing/each-engine.ts";
import { batchAfter, mintEntry } from "../../../testing/ledger-entries.ts";
import { sqlLedger } from "../ledger.ts";
import { keepPartitions } from "./partitions.ts";
import { sqlLedgerQuestions } from "./questions.ts";

const WEEK_MS = 604_800_000;
const NOW = epochMs(1_900_000_000_000);

onEachEngine((name, makePlace) => {
  describe(`the partitions of a ledger in ${name}`, { timeout: 60_000 }, () => {
    let store: SharedStore;
    beforeEach(async () => {
      store = await openTwice(makePlace);
    });
    afterEach(() => store.close());
    const isPostgres = name === "PostgreSQL";
    const write = async (at: EpochMs): Promise<void> => {
      const ledger = sqlLedger(store.databases[0]);
      await ledger.append(batchAfter(newChainName(systemRandom()), [mintEntry(`t-${String(at)}`)], at));
      await ledger.file();
    };

    test("are there for three weeks, made once, whichever replica comes first", async () => {
      const kept = await Promise.all(
        store.databases.map((database) => keepPartitions(database, NOW, undefined)),
      );
      expect(kept.some(({ made }) => made === 3)).toBe(isPostgres);
      expect(await keepPartitions(store.databases[0], NOW, undefined)).toEqual({ made: 0, dropped: 0 });
      for (const weeks of [0, 1, 2]) await write(epochMs(NOW + weeks * WEEK_MS));
      if (!isPostgres) return;
      expect(await store.place.sql("SELECT 1 FROM ledger_entries_rest")).toEqual([]);
    });

    test("are not made for a week whose entries are elsewhere already, and these are found", async () => {
      await write(NOW);
      expect(await keepPartitions(store.databases[0], NOW, undefined)).toEqual({
        made: isPostgres ? 2 : 0,
        dropped: 0,
      });
      const found = await sqlLedgerQuestions(store.databases[1]).entries({}, { limit: 5, after: undefined });
      expect(found.items).toHaveLength(1);
    });

    test("are dropped when all their entries were removed, and not before", async () => {
      await keepPartitions(store.databases[0], NOW, undefined);
      await write(NOW);
      const later = epochMs(NOW + 10 * WEEK_MS);
      const keptFrom = epochMs(later - WEEK_MS);
      const before = await keepPartitions(store.databases[0], later, keptFrom);
      // The two weeks of the migration, and two of those that were made: the third has an entry.
      expect(before).toEqual(isPostgres ? { made: 3, dropped: 4 } : { made: 0, dropped: 0 });
      await store.place.sql("DELETE FROM ledger_entries");
      expect((await keepPartitions(store.databases[1], later, keptFrom)).dropped).toBe(isPostgres ? 1 : 0);
      await write(later);
    });
  });
});

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { onEachEngine, openTwice, type SharedStore } from "../../testing/each-engine.ts";
import type { Database, KnownStatement } from "./database.ts";
import { UniqueViolation } from "./try-write.ts";

onEachEngine((name, makePlace) => {
  describe(`${name}: statements that are known beforehand`, () => {
    let store: SharedStore;
    let database: Database;

    beforeEach(async () => {
      store = await openTwice(makePlace);
      [database] = store.databases;
      await database.write(async (query) => {
        await query("CREATE TABLE known (id BIGINT NOT NULL PRIMARY KEY, text TEXT)");
      });
    });
    afterEach(() => store.close());

    const insert = (id: number, text: string | null): KnownStatement => ({
      sql: "INSERT INTO known (id, text) VALUES ($1, $2)",
      parameters: [id, text],
    });
    const rows = () => database.read((query) => query("SELECT id, text FROM known ORDER BY id"));

    test("give the rows of each, in their order, and one sees what those before it changed", async () => {
      const given = await database.writeKnown([
        insert(1, "a"),
        { sql: "SELECT text FROM known WHERE id = $1", parameters: [1] },
        { sql: "SELECT count(*) AS rows FROM known WHERE id > $1 AND text <> $2", parameters: [-1, "b"] },
      ]);
      expect(given.map((of) => of.length)).toEqual([0, 1, 1]);
      expect(given[1]).toEqual([{ text: "a" }]);
      expect(await rows()).toHaveLength(1);
    });

    test("are one transaction: after one that fails, those before it are undone and the next transaction works", async () => {
      await expect(database.writeKnown([insert(1, "a"), insert(2, "b"), insert(1, "c")])).rejects.toThrow(
        UniqueViolation,
      );
      expect(await rows()).toEqual([]);
      await database.writeKnown([insert(1, "a")]);
      expect(await rows()).toHaveLength(1);
    });

    test("give one that is carried out first no place among the rows", async () => {
      const given = await database.writeKnown([{ sql: "SELECT 2 AS two", parameters: [] }], {
        first: "SELECT 1 AS one",
        mayStayInLog: true,
      });
      expect(given).toEqual([[{ two: 2 }]]);
    });

    test("keep any text as it is, whatever the engine could take for its end", async () => {
      const nasty = ["'", "''", "\\", "\\'", "E'\\x41'", "$1", "$2", "$$", "-- ", "/*", ";", "\n", "ä€😀"];
      const text = fc.array(fc.oneof(fc.constantFrom(...nasty), fc.string({ unit: "binary" }))).map(
        // PostgreSQL keeps no NUL, and what we store is JSON, which has none. A lone surrogate is no text in UTF-8.
        (parts) => parts.join("").replaceAll("\0", "").toWellFormed(),
      );
      await fc.assert(
        fc.asyncProperty(text, text, fc.integer(), async (one, other, number) => {
          const given = await database.writeKnown([
            { sql: "DELETE FROM known", parameters: [] },
            insert(1, one),
            insert(2, other),
            insert(3, null),
            { sql: "SELECT text FROM known ORDER BY id", parameters: [] },
            { sql: "SELECT count(*) AS rows FROM known WHERE id = $1", parameters: [number] },
          ]);
          expect(given[4]).toEqual([{ text: one }, { text: other }, { text: null }]);
        }),
        { numRuns: 60 },
      );
    });

    test("of a conflict with another replica are tried again, and nothing is there twice", async () => {
      const add = (replica: Database) =>
        replica.writeKnown([
          { sql: "UPDATE known SET text = text || $1 WHERE id = $2", parameters: ["x", 1] },
        ]);
      await database.writeKnown([insert(1, "")]);
      await Promise.all(store.databases.flatMap((replica) => Array.from({ length: 20 }, () => add(replica))));
      expect(await rows()).toEqual([expect.objectContaining({ text: "x".repeat(40) })]);
    });
  });
});

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StatementRejected, StoreUnavailable, StoreUnusable } from "../../kernel/store-faults.ts";
import { openAdapter } from "../../stores/open.ts";
import type { Database, Query } from "../../stores/sql/database.ts";
import { insistOnSchema, migrate } from "../../stores/sql/migrate.ts";
import { MIGRATIONS, type Migration } from "../../stores/sql/migrations.ts";
import { CONFLICT, tryWrite, UniqueViolation } from "../../stores/sql/try-write.ts";
import { type StoredPlace, storeAt } from "../store-places.ts";

const RACERS = 24;

/** What every adapter of `Database` promises its families of tables. */
export function databaseContract(name: string, makePlace: () => Promise<StoredPlace>): void {
  describe(`a database of ${name}`, { timeout: 60_000 }, () => {
    let place: StoredPlace;
    /** Two, as two processes have them. */
    let databases: readonly [Database, Database];
    beforeEach(async () => {
      place = await makePlace();
      const location = storeAt(place.url);
      databases = [await openAdapter(location), await openAdapter(location)];
      // As a store has it: on PostgreSQL a schema counts as the home of the tables when it has these two.
      for (const table of ["key_sets", "signing_keys"]) await place.sql(`CREATE TABLE ${table} (a TEXT)`);
      await place.sql("CREATE TABLE used (id TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (owner, id))");
      await place.sql("CREATE TABLE notes (text TEXT NOT NULL UNIQUE CHECK (text <> 'poison'))");
    });
    afterEach(async () => {
      for (const database of databases) await database.close();
      await place.remove();
    });
    const use = (query: Query, id: string) => query("INSERT INTO used (id, owner) VALUES ($1, 'o')", [id]);
    const note = (query: Query, text: string) => query("INSERT INTO notes VALUES ($1)", [text]);
    const notes = async () =>
      ((await place.sql("SELECT text FROM notes ORDER BY text")) as { readonly text: string }[]).map(
        ({ text }) => text,
      );

    test("of many that insert one key at the same moment one wins, and nothing that the others did is left", async () => {
      for (const id of ["a", "b", "c"]) {
        const race = Array.from({ length: RACERS }, (_, racer) => {
          const own = `${id}${String(racer)}`;
          return tryWrite(databases[racer % 2 === 0 ? 0 : 1], "used", async (query) => {
            await Promise.all([note(query, own), use(query, id)]);
            return own;
          });
        });
        const winners = (await Promise.all(race)).filter((outcome) => outcome !== CONFLICT);
        expect(winners).toHaveLength(1);
        expect((await notes()).filter((text) => text.startsWith(id))).toEqual(winners);
      }
    });

    test("a conflict is answered at the first try, also when it is known only after other statements", async () => {
      await databases[0].write((query) => use(query, "a"));
      let tries = 0;
      const outcome = await tryWrite(databases[1], "used", async (query) => {
        tries += 1;
        await note(query, "before");
        await use(query, "a");
        await note(query, "after");
      });
      expect([outcome, tries, await notes()]).toEqual([CONFLICT, 1, []]);
    });

    test("a conflict in another table than the named one is a fault, with the table", async () => {
      await databases[0].write((query) => note(query, "once"));
      const outcome = tryWrite(databases[1], "used", async (query) => {
        await use(query, "a");
        await note(query, "once");
      });
      await expect(outcome).rejects.toBeInstanceOf(UniqueViolation);
      await expect(outcome).rejects.toMatchObject({ table: "notes" });
      expect(await place.sql("SELECT * FROM used")).toEqual([]);
    });

    test("a transaction in which a statement failed is rolled back, even when its fault was caught", async () => {
      await databases[0].write((query) => use(query, "a"));
      const caught = databases[0].write(async (query) => {
        await note(query, "before");
        await use(query, "a").catch(() => undefined);
        await note(query, "after").catch(() => undefined);
        return "done";
      });
      await expect(caught).rejects.toBeInstanceOf(UniqueViolation);
      expect(await notes()).toEqual([]);
    });

    test.each([
      ["text that is no SQL", "SELEC 1"],
      ["a row that breaks a rule of its table", "INSERT INTO notes VALUES ('poison')"],
      ["a row without a value that it needs", "INSERT INTO notes VALUES (NULL)"],
    ])("%s is a bug and not an outage: it is tried once, and the database still works", async (_, sql) => {
      let tries = 0;
      const bug: unknown = await databases[0]
        .write((query) => {
          tries += 1;
          return query(sql);
        })
        .catch((thrown: unknown) => thrown);
      expect(bug).toBeInstanceOf(StatementRejected);
      expect(bug).not.toBeInstanceOf(StoreUnavailable);
      expect((bug as Error).message).toMatch(/^(?:PostgreSQL|SQLite) rejects a statement of this service/);
      expect(tries).toBe(1);
      await databases[0].write((query) => note(query, "next"));
      expect(await notes()).toEqual(["next"]);
    });

    test("a step of the schema may differ by engine: each gets its own statements, once", async () => {
      await place.sql("DROP TABLE key_sets");
      await place.sql("DROP TABLE signing_keys");
      const steps: readonly Migration[] = [
        ...MIGRATIONS,
        {
          version: MIGRATIONS.length + 1,
          name: "engines",
          statements: {
            sqlite: ["CREATE TABLE engines (name TEXT)", "INSERT INTO engines VALUES ('sqlite')"],
            postgres: ["CREATE TABLE engines (name TEXT)", "INSERT INTO engines VALUES ('postgres')"],
          },
        },
      ];
      const newest = steps.length;
      await migrate(databases[0]);
      await expect(insistOnSchema(databases[0], steps)).rejects.toThrow(StoreUnusable);
      const reports = await Promise.all([migrate(databases[0], steps), migrate(databases[1], steps)]);
      expect(reports).toContainEqual({ from: newest - 1, to: newest });
      expect(await place.sql("SELECT name FROM engines")).toEqual([{ name: databases[0].dialect.name }]);
      await insistOnSchema(databases[1], steps);
      await expect(insistOnSchema(databases[1])).rejects.toThrow(StoreUnusable);
    });
  });
}

import { expect, test } from "vitest";
import { StoreCorrupt, StoreUnavailable } from "../kernel/store-faults.ts";
import { sqlitePlace } from "../testing/store-places.ts";
import { patientDatabase } from "./patient-database.ts";
import { SQLITE } from "./sqlite/dialect.ts";

test("a database that is down at first is opened at the first use at which it can be reached, and once for all its users", async () => {
  const place = await sqlitePlace();
  let [down, opened] = [true, 0];
  const database = await patientDatabase(SQLITE, async () => {
    if (down) throw new StoreUnavailable("unreachable");
    opened += 1;
    return place.database;
  });
  const one = () => database.read((query) => query("SELECT 1 AS one"));
  await expect(one()).rejects.toThrow(StoreUnavailable);
  await expect(database.write((query) => query("CREATE TABLE t (a TEXT)"))).rejects.toThrow(StoreUnavailable);
  down = false;
  expect(await Promise.all([one(), one()])).toEqual([[{ one: 1 }], [{ one: 1 }]]);
  await database.write((query) => query("CREATE TABLE t (a TEXT)"));
  expect(opened).toBe(1);
  await place.remove();
});

test("a fault that does not pass by itself ends the opening", async () => {
  const corrupt = new StoreCorrupt({ what: "row_missing", table: "schema_version" });
  await expect(patientDatabase(SQLITE, () => Promise.reject(corrupt))).rejects.toBe(corrupt);
});

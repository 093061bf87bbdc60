import { describe, expect, test } from "vitest";
import { BucketTable } from "./bucket-table.ts";

const SEED = { high: 1, low: 2 };

function put(table: BucketTable, key: string, fullAtUs: number, nowUs: number): number {
  const slot = table.slotOf(key, nowUs);
  table.write(slot, fullAtUs);
  return slot;
}

function stored(table: BucketTable, key: string, nowUs: number): number {
  return table.fullAtUs(table.slotOf(key, nowUs));
}

describe("a table of buckets", () => {
  test("stores a number for each key until that bucket is full", () => {
    const table = new BucketTable(1_024, SEED);
    for (let key = 0; key < 300; key += 1) put(table, `key-${key}`, 1_000 + key, 0);
    for (let key = 0; key < 300; key += 1) expect(stored(table, `key-${key}`, 0)).toBe(1_000 + key);
  });

  test("holds five of six of its places before a key finds none", () => {
    const table = new BucketTable(2 ** 14, SEED);
    let count = 0;
    while (table.overflows === 0) {
      put(table, `192.0.2.${count}`, 1_000, 0);
      count += 1;
    }
    expect(count).toBeGreaterThan((5 / 6) * 2 ** 14);
  });

  test("never evicts a bucket that is not full: keys beyond share one (N12)", () => {
    const table = new BucketTable(32, SEED);
    for (let key = 0; key < 200; key += 1) put(table, `early-${key}`, 5_000, 0);
    const own = Array.from({ length: 200 }, (_, key) => `early-${key}`).filter(
      (key) => !table.isOverflow(table.slotOf(key, 0)),
    );
    expect(own).toHaveLength(32);
    put(table, "late", 7_000, 0);
    for (const key of own) expect(stored(table, key, 0)).toBe(5_000);
    expect(stored(table, "another", 0)).toBe(7_000);
  });

  test("gives the place of a bucket that is full again to any other, empty of what was there", () => {
    const table = new BucketTable(32, SEED);
    for (let key = 0; key < 200; key += 1) put(table, `early-${key}`, 5_000, 0);
    const slot = table.slotOf("late", 5_000);
    expect(table.isOverflow(slot)).toBe(false);
    expect(table.fullAtUs(slot)).toBe(0);
  });
});

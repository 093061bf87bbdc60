import { expect, test } from "vitest";
import { migrateStore } from "./open.ts";

test("a store in memory has no schema to bring up to date", async () => {
  expect(await migrateStore({ kind: "memory" })).toEqual({ from: 0, to: 0 });
});

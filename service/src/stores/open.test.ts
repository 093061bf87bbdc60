import { expect, test } from "vitest";
import { ConfigError } from "../kernel/faults.ts";
import { sealerUnder } from "../testing/key-store-contract.ts";
import { TestClock } from "../testing/moments.ts";
import { migrateStore, openKeyStore } from "./open.ts";

test.each(["", "sqlite:", "mysql://host/keys", "keys.db", "https://host/"])(
  "%j names no store: the operator is told what does",
  async (url) => {
    await expect(openKeyStore(url, { sealer: sealerUnder(1), clock: new TestClock() })).rejects.toThrow(
      ConfigError,
    );
    await expect(migrateStore(url)).rejects.toThrow("MACP_AUTH_STORE_URL must be sqlite:PATH, postgres://");
  },
);

test("a store in memory has no schema to bring up to date", async () => {
  expect(await migrateStore("memory:")).toEqual({ from: 0, to: 0 });
});

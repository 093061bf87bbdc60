import { expect, test } from "vitest";
import { ConfigError } from "../kernel/faults.ts";
import { StoreCorrupt, StoreUnavailable } from "../keys/managed/key-store.ts";
import { TestClock } from "../testing/moments.ts";
import { memoryKeyStore } from "./memory/key-store.ts";
import { patiently } from "./patient-store.ts";

test("a store that is down at first is opened at the first use at which it can be reached, and once", async () => {
  let [down, opened] = [true, 0];
  const store = await patiently(async () => {
    if (down) throw new StoreUnavailable("down");
    opened += 1;
    return memoryKeyStore(new TestClock());
  });
  await expect(store.load()).rejects.toThrow(StoreUnavailable);
  await expect(store.replace(0, [])).rejects.toThrow(StoreUnavailable);
  down = false;
  expect((await store.load()).version).toBe(0);
  expect(await store.replace(0, [])).toBe("replaced");
  expect(opened).toBe(1);
  await store.close();
});

test("a store that was altered ends the start with a line for the operator, as settings that are wrong do", async () => {
  await expect(patiently(() => Promise.reject(new StoreCorrupt("a row was altered")))).rejects.toThrow(
    /^MACP_AUTH_STORE_URL: a row was altered; restore the store/,
  );
  const wrong = new ConfigError(["MACP_AUTH_STORE_URL is wrong"]);
  await expect(patiently(() => Promise.reject(wrong))).rejects.toBe(wrong);
});

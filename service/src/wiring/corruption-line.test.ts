import { expect, test } from "vitest";
import { StoreCorrupt } from "../keys/managed/key-store.ts";
import { corruptionLine } from "./corruption-line.ts";

const WHERE = "table signing_keys, kid blue: the row was altered";

test("a key-encryption key that is not the store's is looked for in the setting that holds it", () => {
  expect(corruptionLine(new StoreCorrupt(WHERE, "altered_or_other_kek"), "MACP_AUTH_KEK")).toBe(
    `MACP_AUTH_KEK lacks the key that wrote the store, or the store was altered (${WHERE}); check MACP_AUTH_KEK first: it must hold the key that the store was made with`,
  );
});

test("no key-encryption key is suspected where it cannot be the cause", () => {
  const fault = new StoreCorrupt("SQLite: database disk image is malformed");
  expect(corruptionLine(fault, "MACP_AUTH_KEK_FILE")).toBe(
    "the key store was altered (SQLite: database disk image is malformed); restore it from a backup",
  );
});

import { expect, test } from "vitest";
import { Secret } from "../kernel/secret.ts";
import { StoreCorrupt } from "../keys/managed/key-store.ts";
import { corruptionLine } from "./corruption-line.ts";

const WHERE = "table signing_keys, kid blue: the row was altered";

test.each([
  ["MACP_AUTH_KEK", { kind: "text", text: new Secret("k"), setting: "keys.kek" }],
  ["MACP_AUTH_KEK_FILE", { kind: "file", path: "/kek", setting: "keys.kekFile" }],
] as const)(
  "a key-encryption key that is not the store's is looked for in %s, where it is",
  (variable, kek) => {
    expect(corruptionLine(new StoreCorrupt(WHERE, "altered_or_other_kek"), kek)).toBe(
      `${variable} lacks the key that wrote the store, or the store was altered (${WHERE}); check ${variable} first: it must hold the key that the store was made with`,
    );
  },
);

test("no key-encryption key is suspected where it cannot be the cause", () => {
  const fault = new StoreCorrupt("SQLite: database disk image is malformed");
  expect(corruptionLine(fault, { kind: "file", path: "/kek", setting: "keys.kekFile" })).toBe(
    "the key store was altered (SQLite: database disk image is malformed); restore it from a backup",
  );
});

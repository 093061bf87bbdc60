import { expect, test } from "vitest";
import type { StoreDamage } from "../../kernel/store-faults.ts";
import { corruptionLine } from "./corruption-line.ts";

test("where a wrong key-encryption key would look the same, the line first names the setting that holds it", () => {
  const damage = { what: "row_altered", table: "signing_keys", kid: "blue" } as const;
  expect(corruptionLine(damage, "MACP_AUTH_KEK")).toBe(
    "MACP_AUTH_KEK lacks the key that wrote the store, or the store was altered (table signing_keys, kid blue: the row was altered); check MACP_AUTH_KEK first: it must hold the key that the store was made with",
  );
});

test.each<[StoreDamage, boolean]>([
  [{ what: "set_altered", table: "key_sets" }, true],
  [{ what: "key_unopened", kid: "blue" }, true],
  [{ what: "row_unreadable", table: "replicas" }, false],
  [{ what: "row_missing", table: "key_sets" }, false],
  [{ what: "file_damaged", path: "/keys.db", detail: "file is not a database" }, false],
])("%o may be a wrong key-encryption key: %o", (damage, mayBeKek) => {
  expect(corruptionLine(damage, "KEK").startsWith("KEK lacks")).toBe(mayBeKek);
});

test("a kid that was altered shows no control characters and no more than 256 characters", () => {
  const line = corruptionLine({ what: "key_unopened", kid: `\u001b[2J${"k".repeat(300)}` }, "KEK");
  expect(line).toContain(`key \\u{1b}[2J${"k".repeat(252)} cannot`);
});

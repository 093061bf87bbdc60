import { expect, test } from "vitest";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import { type SchemaFault, SchemaUnusable } from "../../stores/sql/migrate.ts";
import { SqliteUnavailable } from "../../stores/sqlite/faults.ts";
import { faultMembers, storeFaultLine } from "./store-fault-words.ts";

test.each<[SchemaFault, string]>([
  [
    { kind: "no_tables" },
    "the store has no tables of this service; check that it is the right one; for a new store start the service, or: macp-auth migrate",
  ],
  [
    { kind: "older", found: 1, needed: 2 },
    "the store has schema version 1, and this program needs version 2; start the service of this version, or: macp-auth migrate",
  ],
  [
    { kind: "newer", found: 9, known: 2 },
    "the store has schema version 9, and this program knows versions up to 2; run the newer program (an older backup would bring back keys that were revoked since)",
  ],
])("a schema that is not for this program: $kind", (fault, line) => {
  expect(storeFaultLine(new SchemaUnusable(fault))).toBe(line);
});

test("a fault without an engine is shown by its reason", () => {
  expect(storeFaultLine(new StoreUnavailable("unreachable"))).toBe("unreachable");
});

test("a line of the log says an outage in words, with the fix, and anything else as it was thrown", () => {
  const fault = new SqliteUnavailable({ kind: "locked", path: "/data/keys.db" });
  const members = faultMembers(fault);
  expect(members.fault).toContain("/data/keys.db");
  expect(`${members.fault}; ${members.fix ?? ""}`).toBe(storeFaultLine(fault));
  expect(faultMembers(new StoreUnavailable("unreachable", "ledger_deadline"))).toEqual({
    fault: "ledger_deadline",
  });
  expect(faultMembers(new Error("a bug"))).toEqual({ fault: "a bug" });
});

import { expect, test } from "vitest";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import { type SchemaFault, SchemaUnusable } from "../../stores/sql/migrate.ts";
import { storeFaultLine } from "./store-fault-words.ts";

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

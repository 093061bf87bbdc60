import { describeLedger } from "../../testing/contracts/ledger-contract.ts";
import { onEachEngine, openTwice } from "../../testing/each-engine.ts";
import { memoryLedger } from "../memory/ledger.ts";
import { sqlLedger } from "./ledger.ts";

describeLedger("memory", () => {
  const store = memoryLedger();
  return Promise.resolve({ processes: [store, store], close: () => Promise.resolve() });
});

onEachEngine((name, makePlace) => {
  describeLedger(name, async () => {
    const { databases, close } = await openTwice(makePlace);
    return { processes: [sqlLedger(databases[0]), sqlLedger(databases[1])], close };
  });
});

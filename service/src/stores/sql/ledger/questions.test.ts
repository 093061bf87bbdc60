import { describeLedgerQuestions } from "../../../testing/contracts/ledger-questions-contract.ts";
import { onEachEngine, openTwice } from "../../../testing/each-engine.ts";
import { memoryLedger } from "../../memory/ledger.ts";
import { memoryLedgerQuestions } from "../../memory/ledger-questions.ts";
import { memoryRecords } from "../../memory/records.ts";
import { sqlLedger } from "../ledger.ts";
import { sqlLedgerQuestions } from "./questions.ts";

describeLedgerQuestions("memory", () => {
  const records = memoryRecords();
  return Promise.resolve({
    store: memoryLedger(records),
    questions: memoryLedgerQuestions(records),
    close: () => Promise.resolve(),
  });
});

onEachEngine((name, makePlace) => {
  describeLedgerQuestions(name, async () => {
    const {
      databases: [database],
      close,
    } = await openTwice(makePlace);
    // Few, so that pages end before they are full.
    return { store: sqlLedger(database), questions: sqlLedgerQuestions(database, 20), close };
  });
});

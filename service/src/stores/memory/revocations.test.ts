import { systemClock } from "../../kernel/clock.ts";
import { describeRevocations, LIFE_SECONDS_MAX } from "../../testing/contracts/revocations-contract.ts";
import { memoryLedger } from "./ledger.ts";
import { memoryRecords } from "./records.ts";
import { memoryRevocations } from "./revocations.ts";

describeRevocations("memory", () => {
  const records = memoryRecords();
  const store = memoryRevocations(records, LIFE_SECONDS_MAX, systemClock);
  return Promise.resolve({
    ledger: memoryLedger(records),
    store,
    other: store,
    close: () => Promise.resolve(),
  });
});

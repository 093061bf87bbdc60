import { describeRevocations, LIFE_SECONDS_MAX } from "../../../testing/contracts/revocations-contract.ts";
import { onEachEngine, openTwice } from "../../../testing/each-engine.ts";
import { sqlLedger } from "../ledger.ts";
import { sqlRevocations } from "./revocations.ts";

onEachEngine((name, makePlace) => {
  describeRevocations(name, async () => {
    const {
      databases: [one, other],
      close,
    } = await openTwice(makePlace);
    return {
      ledger: sqlLedger(one),
      store: sqlRevocations(one, LIFE_SECONDS_MAX),
      other: sqlRevocations(other, LIFE_SECONDS_MAX),
      close,
    };
  });
});

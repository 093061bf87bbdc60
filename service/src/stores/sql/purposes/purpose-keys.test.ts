import { describePurposeKeys } from "../../../testing/contracts/purpose-keys-contract.ts";
import { onEachEngine, openTwice } from "../../../testing/each-engine.ts";
import { memoryPurposeKeys } from "../../memory/purpose-keys.ts";
import { sqlPurposeKeys } from "./purpose-keys.ts";

describePurposeKeys("memory", async () => {
  const store = memoryPurposeKeys();
  return { replicas: [store, store], beside: memoryPurposeKeys(), close: async () => undefined };
});

onEachEngine((name, makePlace) => {
  describePurposeKeys(name, async () => {
    const {
      databases: [one, other],
      close,
    } = await openTwice(makePlace);
    return {
      replicas: [sqlPurposeKeys(one, "events"), sqlPurposeKeys(other, "events")],
      beside: sqlPurposeKeys(other, "status-lists"),
      close,
    };
  });
});

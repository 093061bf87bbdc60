import { describeStatusLists } from "../../../testing/contracts/status-lists-contract.ts";
import { onEachEngine, openTwice } from "../../../testing/each-engine.ts";
import { TestClock } from "../../../testing/moments.ts";
import { memoryStatusLists } from "../../memory/status-lists.ts";
import { sqlStatusLists } from "./status-lists.ts";

describeStatusLists("memory", async () => {
  const store = memoryStatusLists(new TestClock());
  return { replicas: [store, store], close: async () => undefined };
});

onEachEngine((name, makePlace) => {
  describeStatusLists(name, async () => {
    const { databases, close } = await openTwice(makePlace);
    return { replicas: [sqlStatusLists(databases[0]), sqlStatusLists(databases[1])], close };
  });
});

import { describeEventCursors } from "../../../testing/contracts/event-cursors-contract.ts";
import { onEachEngine, openTwice } from "../../../testing/each-engine.ts";
import { TestClock } from "../../../testing/moments.ts";
import { memoryEventCursors } from "../../memory/event-cursors.ts";
import { sqlEventCursors } from "./event-cursors.ts";

describeEventCursors("memory", async () => {
  const clock = new TestClock();
  const cursors = memoryEventCursors(clock);
  return {
    replicas: [cursors, cursors],
    age: async (seconds) => clock.move(seconds),
    close: async () => undefined,
  };
});

onEachEngine((name, makePlace) => {
  describeEventCursors(name, async () => {
    const { place, databases, close } = await openTwice(makePlace);
    return {
      replicas: [sqlEventCursors(databases[0]), sqlEventCursors(databases[1])],
      age: (seconds) =>
        place.sql(`UPDATE event_receivers SET held_until = held_until - ${String(seconds)} WHERE 1 = 1`),
      close,
    };
  });
});

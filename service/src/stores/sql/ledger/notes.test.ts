import { describeNoteStore } from "../../../testing/contracts/note-store-contract.ts";
import { onEachEngine, openTwice } from "../../../testing/each-engine.ts";
import { sqlNotes } from "./notes.ts";

onEachEngine((name, makePlace) => {
  describeNoteStore(name, async () => {
    const { databases, close } = await openTwice(makePlace);
    return { replicas: [sqlNotes(databases[0]), sqlNotes(databases[1])], close };
  });
});

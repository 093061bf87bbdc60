// One replica of a race, run by key-races.e2e.test.ts: opens the store it is told, then rotates each time it is told to.
import { parseStoreUrl } from "../../service/dist/config/store-url.js";
import { systemClock } from "../../service/dist/kernel/clock.js";
import { systemRandom } from "../../service/dist/kernel/random.js";
import { sealerOf } from "../../service/dist/keys/custody/sealer.js";
import { rotate } from "../../service/dist/keys/managed/rotate.js";
import { keyStore } from "../../service/dist/stores/key-store.js";
import { openDatabase } from "../../service/dist/stores/open.js";

const [kek, rules] = [Buffer.from(process.argv[2], "hex"), JSON.parse(process.argv[3])];
const sealer = sealerOf([kek], systemRandom());
let database;
let store;
let pass;

/** Tells the starter that this one is there, and waits until it says that all are. */
function barrier() {
  return new Promise((resolve) => {
    pass = resolve;
    process.send({ kind: "waiting" });
  });
}

/** The store, with all racers together at the start of the first `load`, or after it: then all plan on one version. */
function racing(meetAt, counts) {
  let met = false;
  return {
    load: async () => {
      const late = met;
      met = true;
      if (!late && meetAt === "start") await barrier();
      const set = await store.load();
      if (!late && meetAt === "loaded") await barrier();
      return set;
    },
    replace: async (seen, changes) => {
      const outcome = await store.replace(seen, changes);
      counts[outcome] += 1;
      return outcome;
    },
  };
}

const ORDERS = {
  async open({ url }) {
    await database?.close();
    database = await openDatabase(parseStoreUrl(url));
    store = keyStore(database, { sealer, clock: systemClock });
    return {};
  },
  async rotate({ meetAt }) {
    const counts = { replaced: 0, stale: 0 };
    const { lost } = await rotate({ store: racing(meetAt, counts), sealer, rules });
    return { ...counts, lost };
  },
};

process.on("message", (message) => {
  if (message.kind === "go") return pass();
  ORDERS[message.kind](message).then(
    (report) => process.send({ kind: "done", report }),
    (fault) => process.send({ kind: "failed", fault: String(fault) }),
  );
});

// Whatever ends the starter ends its racers.
process.on("disconnect", () => process.exit());

// One replica of a race, run by key-races.e2e.test.ts: opens the store that it is given, then rotates at each order.
import { built } from "../support/built.mjs";
import { openStore } from "./open-store.mjs";

/** @type {typeof import("../../service/src/keys/managed/rotate.ts")} */
const { rotate } = await built("keys/managed/rotate");

/** @typedef {import("../../service/src/keys/managed/key-store.ts").KeyStore} KeyStore */

const [kek = "", rules = ""] = process.argv.slice(2);
/** @type {Awaited<ReturnType<typeof openStore>> | undefined} */
let opened;
let pass = () => {};

/** @param {import("./key-racers.ts").Reply} reply */
function answer(reply) {
  process.send?.(reply);
}

/**
 * Reports that this racer is here, and waits until the starter reports that all are.
 * @returns {Promise<void>}
 */
function barrier() {
  return new Promise((resolve) => {
    pass = resolve;
    answer({ kind: "waiting" });
  });
}

/**
 * The store, with all racers together at the start of the first `load`, or after it: then all plan on one version.
 * @param {KeyStore} store
 * @param {"start" | "loaded"} meetAt
 * @param {{ replaced: number, stale: number }} counts
 * @returns {KeyStore}
 */
function racing(store, meetAt, counts) {
  let met = false;
  return {
    beat: (report) => store.beat(report),
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

/**
 * @param {import("./key-racers.ts").Order} order
 * @returns {Promise<import("./key-racers.ts").RacerReport>}
 */
async function carryOut(order) {
  const counts = { replaced: 0, stale: 0 };
  if (order.kind === "open") {
    await opened?.close();
    opened = await openStore(order.url, kek);
  }
  if (order.kind !== "rotate" || opened === undefined) return { ...counts, lost: false };
  const { custody, store } = opened;
  const { lost } = await rotate({
    store: racing(store, order.meetAt, counts),
    custody,
    rules: JSON.parse(rules),
  });
  return { ...counts, lost };
}

process.on("message", (message) => {
  const order = /** @type {import("./key-racers.ts").Order} */ (message);
  if (order.kind === "go") return pass();
  carryOut(order).then(
    (report) => answer({ kind: "done", report }),
    (fault) => answer({ kind: "failed", fault: String(fault) }),
  );
});

// Whatever ends the starter ends its racers.
process.on("disconnect", () => process.exit());

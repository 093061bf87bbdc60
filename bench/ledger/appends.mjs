// What a batch of entries costs on a store, through the service's own adapter.
import { median } from "../stats.mjs";
import { entryMaker } from "./made-entries.mjs";
import { built } from "./open-store.mjs";

/** @type {typeof import("../../service/src/ledger/chain.ts")} */
const { linked, newChainName } = await import(built("ledger/chain.js"));
/** @type {typeof import("../../service/src/kernel/random.ts")} */
const { systemRandom } = await import(built("kernel/random.js"));
/** @type {typeof import("../../service/src/stores/sql/ledger.ts")} */
const { sqlLedger } = await import(built("stores/sql/ledger.js"));

const [BATCHES, BATCH] = [200, 50];

/** @param {import("../../service/src/stores/sql/database.ts").Database} database */
export async function timesOfAppends(database) {
  const store = sqlLedger(database);
  const maker = entryMaker();
  /** @type {any} */
  let head = newChainName(systemRandom());
  const times = [];
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const before = typeof head === "string" ? undefined : head;
    const { chain = head } = before ?? {};
    const entries = [];
    for (let index = 0; index < BATCH; index += 1) {
      const now = Date.now();
      head = linked(head, /** @type {any} */ (now), maker(now));
      entries.push(head);
    }
    const begin = performance.now();
    await store.append({ chain, before, entries });
    times.push(((performance.now() - begin) * 1_000) / BATCH);
  }
  return { median: median(times), worst: Math.max(...times) };
}

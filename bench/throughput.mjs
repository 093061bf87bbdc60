import { processorSeconds } from "./process-use.mjs";
import { median } from "./stats.mjs";
import { bySubject, LOADED } from "./subjects.mjs";

/** @typedef {{ perSecond: number, p50Ms: number, p99Ms: number, processorUs: number | undefined }} Figures medians over the rounds */
/** @typedef {import("./load.mjs").Loaded & { processorUs: number | undefined }} Round */
/** @typedef {{ figures: Record<import("./subjects.mjs").Subject, Figures>, toFloor: number, toPeer: number, managedToService: number }} Throughput */

/**
 * Loads the subjects in turns, A B C A B C …, so that other load on the machine affects all of them. The ratios are taken within
 * each round and then their median, which a slow minute of the machine does not move.
 * @param {import("./load.mjs").Loader} loader
 * @param {Record<import("./subjects.mjs").Subject, import("./subjects.mjs").Running>} running
 * @param {"mint" | "jwks"} what
 * @param {{ rounds: number, roundSeconds: number, warmUpSeconds: number }} plan
 * @returns {Promise<Throughput>}
 */
export async function throughput(loader, running, what, plan) {
  for (const subject of LOADED) await loader.fire(running[subject][what], { seconds: plan.warmUpSeconds });
  /** @type {Record<import("./subjects.mjs").Subject, Round>[]} */
  const rounds = [];
  for (let round = 0; round < plan.rounds; round += 1) {
    const results = /** @type {Record<import("./subjects.mjs").Subject, Round>} */ ({});
    for (const subject of LOADED)
      results[subject] = await fireOnce(loader, running[subject], what, plan.roundSeconds);
    rounds.push(results);
  }
  const figures = bySubject(LOADED, (subject) => {
    const own = rounds.map((round) => round[subject]);
    const processorUs = own.flatMap((round) => round.processorUs ?? []);
    return {
      perSecond: median(own.map((round) => round.perSecond)),
      p50Ms: median(own.map((round) => round.p50Ms)),
      p99Ms: median(own.map((round) => round.p99Ms)),
      processorUs: processorUs.length === 0 ? undefined : median(processorUs),
    };
  });
  /** @type {(one: import("./subjects.mjs").Subject, other: import("./subjects.mjs").Subject) => number} */
  const ratio = (one, other) => median(rounds.map((round) => round[one].perSecond / round[other].perSecond));
  return {
    figures,
    toFloor: ratio("service", "floor"),
    toPeer: ratio("service", "peer"),
    managedToService: ratio("managed", "service"),
  };
}

/**
 * @param {import("./load.mjs").Loader} loader
 * @param {import("./subjects.mjs").Running} running
 * @param {"mint" | "jwks"} what
 * @param {number} seconds
 * @returns {Promise<Round>}
 */
async function fireOnce(loader, running, what, seconds) {
  const before = await processorSeconds(running.pid);
  const loaded = await loader.fire(running[what], { seconds });
  const after = await processorSeconds(running.pid);
  const processorUs =
    before === undefined || after === undefined ? undefined : ((after - before) * 1e6) / loaded.requests;
  return { ...loaded, processorUs };
}

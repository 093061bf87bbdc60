import { processorSeconds } from "./process-use.mjs";
import { median } from "./stats.mjs";
import { LOADED } from "./subjects.mjs";

/** @typedef {{ perSecond: number, p50Ms: number, p99Ms: number, processorUs: number | undefined }} Figures medians over the rounds */
/** @typedef {{ figures: Record<import("./subjects.mjs").Subject, Figures>, toFloor: number, toPeer: number, managedToService: number }} Throughput */

/**
 * Loads the subjects in turns, A B C A B C …, so that a neighbour's noise meets all of them. The ratios are taken within
 * each round and then their median, which a slow minute of the machine does not move.
 * @param {import("./load.mjs").Loader} loader
 * @param {Record<import("./subjects.mjs").Subject, import("./subjects.mjs").Running>} running
 * @param {"mint" | "jwks"} what
 * @param {{ rounds: number, roundSeconds: number, warmUpSeconds: number }} plan
 * @returns {Promise<Throughput>}
 */
export async function throughput(loader, running, what, plan) {
  for (const subject of LOADED) await loader.fire(running[subject][what], { seconds: plan.warmUpSeconds });
  const rounds = [];
  for (let round = 0; round < plan.rounds; round += 1) {
    const results = {};
    for (const subject of LOADED)
      results[subject] = await fireOnce(loader, running[subject], what, plan.roundSeconds);
    rounds.push(results);
  }
  const over = (subject, name) => median(rounds.map((round) => round[subject][name]));
  const figures = Object.fromEntries(
    LOADED.map((subject) => [
      subject,
      {
        perSecond: over(subject, "perSecond"),
        p50Ms: over(subject, "p50Ms"),
        p99Ms: over(subject, "p99Ms"),
        processorUs: rounds[0][subject].processorUs === undefined ? undefined : over(subject, "processorUs"),
      },
    ]),
  );
  const ratio = (one, other) => median(rounds.map((round) => round[one].perSecond / round[other].perSecond));
  return {
    figures,
    toFloor: ratio("service", "floor"),
    toPeer: ratio("service", "peer"),
    managedToService: ratio("managed", "service"),
  };
}

async function fireOnce(loader, running, what, seconds) {
  const before = await processorSeconds(running.pid);
  const loaded = await loader.fire(running[what], { seconds });
  const after = await processorSeconds(running.pid);
  const processorUs =
    before === undefined || after === undefined ? undefined : ((after - before) * 1e6) / loaded.requests;
  return { ...loaded, processorUs };
}

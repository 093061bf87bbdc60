import { processorSeconds } from "./process-use.mjs";
import { median } from "./stats.mjs";

/** @typedef {{ perSecond: number, processorUs: number }} Round */
/** @typedef {{ name: string, pid: number, shot: import("./load.mjs").Shot, stop: () => Promise<void> }} Subject */

/**
 * Loads subjects in turns, and ends them.
 * @param {import("./load.mjs").Loader} loader
 * @param {readonly Subject[]} subjects
 * @param {number} rounds
 * @param {number} seconds
 * @returns {Promise<Record<string, Round[]>>} By name, one for each round.
 */
export async function inTurns(loader, subjects, rounds, seconds) {
  const measured = await measuredInTurns(loader, subjects, rounds, seconds);
  for (const { stop } of subjects) await stop();
  return measured;
}

/**
 * The same, and leaves them running.
 * @param {import("./load.mjs").Loader} loader
 * @param {readonly Subject[]} subjects
 * @param {number} rounds
 * @param {number} seconds
 * @returns {Promise<Record<string, Round[]>>}
 */
export async function measuredInTurns(loader, subjects, rounds, seconds) {
  /** @type {Record<string, Round[]>} */
  const measured = Object.fromEntries(subjects.map(({ name }) => [name, []]));
  for (const { shot } of subjects) await loader.fire(shot, { seconds: 1 });
  for (let round = 0; round < rounds; round += 1)
    for (const { name, pid, shot } of subjects) {
      const before = (await processorSeconds(pid)) ?? 0;
      const { requests, perSecond } = await loader.fire(shot, { seconds });
      const after = (await processorSeconds(pid)) ?? 0;
      measured[name]?.push({ perSecond, processorUs: ((after - before) * 1e6) / requests });
    }
  return measured;
}

/**
 * Prints a table of mints with each subject.
 * @param {string} title
 * @param {Record<string, Round[]>} measured
 * @param {string} base
 */
export function printRatios(title, measured, base) {
  console.log(
    `\n| ${title} | mints/s | to ${base} | processor µs a mint | to ${base} |\n|---|---|---|---|---|`,
  );
  printRows(measured, base);
}

/**
 * Prints medians, and the medians of the ratios to one subject, round by round.
 * @param {Record<string, Round[]>} measured
 * @param {string} base
 */
export function printRows(measured, base) {
  const ofBase = measured[base] ?? [];
  for (const [name, own] of Object.entries(measured)) {
    const rate = median(own.map((one) => one.perSecond));
    const use = median(own.map((one) => one.processorUs));
    const ratio = median(own.map((one, round) => one.perSecond / (ofBase[round]?.perSecond ?? 1)));
    const useRatio = median(own.map((one, round) => one.processorUs / (ofBase[round]?.processorUs ?? 1)));
    console.log(
      `| ${name} | ${Math.round(rate)} | ${ratio.toFixed(3)} | ${use.toFixed(1)} | ${useRatio.toFixed(3)} |`,
    );
  }
}

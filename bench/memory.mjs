import { residentMemory } from "./process-use.mjs";
import { median, slope } from "./stats.mjs";
import { bySubject, SUBJECTS, startForLoad } from "./subjects.mjs";

const SAMPLES = 20;
/** Until then the heap has not reached its size. */
const SETTLED_AFTER_MINTS = 100_000;

/** @typedef {{ minMb: number, medianMb: number, maxMb: number, highestMb: number, mbPerMillion: number, mints: number, every: number, settled: boolean }} UnderLoad */

/**
 * Resident memory of each subject just after its first token. `undefined` where there is no /proc.
 * @param {import("./keys.mjs").BenchKey} key
 * @param {number} starts
 * @returns {Promise<Record<import("./subjects.mjs").Compared, number> | undefined>}
 */
export async function memoryAfterStart(key, starts) {
  const seen = bySubject(SUBJECTS, () => /** @type {number[]} */ ([]));
  for (let start = 0; start < starts; start += 1) {
    for (const subject of SUBJECTS) {
      const running = await startForLoad(subject, key);
      const memory = await residentMemory(running.pid);
      await running.stop();
      if (memory === undefined) return undefined;
      seen[subject].push(memory.nowMb);
    }
  }
  return bySubject(SUBJECTS, (subject) => median(seen[subject]));
}

/**
 * Resident memory of one service over `mints` tokens, looked at twenty times, each time right after the last answer. The
 * figures leave out the first 100,000 mints; a run that is hardly longer than that is not `settled` and judges nothing.
 * @param {import("./load.mjs").Loader} loader
 * @param {import("./keys.mjs").BenchKey} key
 * @param {number} mints
 * @returns {Promise<UnderLoad | undefined>}
 */
export async function memoryUnderLoad(loader, key, mints) {
  const running = await startForLoad("service", key);
  const every = mints / SAMPLES;
  const points = [];
  let done = 0;
  let highestMb = 0;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    done += (await loader.fire(running.mint, { amount: every })).requests;
    const memory = await residentMemory(running.pid);
    if (memory === undefined) break;
    points.push({ x: done / 1e6, y: memory.nowMb });
    highestMb = memory.highestMb;
  }
  await running.stop();
  if (points.length < SAMPLES) return undefined;
  const settled = mints >= 2 * SETTLED_AFTER_MINTS;
  const judged = settled ? points.filter(({ x }) => x * 1e6 >= SETTLED_AFTER_MINTS) : points;
  const sizes = judged.map(({ y }) => y);
  return {
    minMb: Math.min(...sizes),
    medianMb: median(sizes),
    maxMb: Math.max(...sizes),
    highestMb,
    mbPerMillion: slope(judged),
    mints: done,
    every,
    settled,
  };
}

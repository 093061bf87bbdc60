import { median } from "./stats.mjs";
import { bySubject, SUBJECTS, startToFirstTokenMs } from "./subjects.mjs";

/**
 * Milliseconds from starting a process to its first token, median over `starts` fresh processes of each subject, in turns.
 * @param {import("./keys.mjs").BenchKey} key
 * @param {number} starts
 * @returns {Promise<Record<import("./subjects.mjs").Compared, number>>}
 */
export async function coldStart(key, starts) {
  // The first start reads the programs from the disk: it warms the file cache and is not counted.
  for (const subject of SUBJECTS) await startToFirstTokenMs(subject, key);
  const taken = bySubject(SUBJECTS, () => /** @type {number[]} */ ([]));
  for (let start = 0; start < starts; start += 1) {
    for (const subject of SUBJECTS) taken[subject].push(await startToFirstTokenMs(subject, key));
  }
  return bySubject(SUBJECTS, (subject) => median(taken[subject]));
}

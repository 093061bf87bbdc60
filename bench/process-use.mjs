import { readFile } from "node:fs/promises";

const TICKS_PER_SECOND = 100;

/**
 * Seconds of processor time that a process has used, all threads, user and system. `undefined` where there is no /proc.
 * @param {number} pid
 * @returns {Promise<number | undefined>}
 */
export async function processorSeconds(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The fields after the program's name, which stands in parentheses; utime and stime are the 14th and 15th of all.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields && (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/**
 * Resident memory of a process in MB of 10^6 bytes, now and at its highest. `undefined` where there is no /proc.
 * @param {number} pid
 * @returns {Promise<{ nowMb: number, highestMb: number } | undefined>}
 */
export async function residentMemory(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => undefined);
  /** @param {string} name */
  const row = (name) =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status ?? "")?.[1]) * 1024) / 1e6;
  return status === undefined ? undefined : { nowMb: row("VmRSS"), highestMb: row("VmHWM") };
}

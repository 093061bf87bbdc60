import type { Timers } from "../kernel/timers.ts";

/** Runs what it is given at most once in so many milliseconds: a flood of connections must not become a flood of lines. */
export function seldom(timers: Pick<Timers, "delay">, milliseconds: number): (run: () => void) => void {
  let isQuiet = false;
  return (run) => {
    if (isQuiet) return;
    isQuiet = true;
    run();
    void timers.delay(milliseconds).over.then(() => {
      isQuiet = false;
    });
  };
}

import { messageOf } from "../kernel/faults.ts";
import type { Timers } from "../kernel/timers.ts";
import type { Log } from "../telemetry/log.ts";
import type { UpkeepLoop } from "../wiring/key-upkeep.ts";

export interface UpkeepDeps {
  readonly log: Log;
  readonly timers: Pick<Timers, "every">;
}

/**
 * Runs each loop, one round at a time, independently of the others. A round that fails, whatever throws in it, is logged, and the
 * next one comes. The returned function ends all loops and waits for the rounds under way.
 */
export function startUpkeep(loops: readonly UpkeepLoop[], deps: UpkeepDeps): () => Promise<void> {
  const stops = loops.map((loop) => startLoop(loop, deps));
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
}

function startLoop(loop: UpkeepLoop, { log, timers }: UpkeepDeps): () => Promise<void> {
  let round: Promise<void> | undefined;
  const runOnce = async (): Promise<void> => {
    try {
      await loop.run();
    } catch (thrown) {
      log.error({ event: "upkeep_failed", loop: loop.name, fault: messageOf(thrown) });
    }
  };
  const stop = timers.every(loop.everyMs, () => {
    round ??= runOnce()
      // The log itself failed: there is nowhere left to say so, and the next round runs anyway.
      .catch(() => undefined)
      .finally(() => {
        round = undefined;
      });
  });
  return async () => {
    stop();
    await round;
  };
}

import type { UsedAssertions } from "../../callers/used-assertions.ts";
import type { Clock, EpochSeconds } from "../../kernel/clock.ts";

const SWEEP_SECONDS = 60;

/** Used assertions that end with the process; `clock` says when one may be forgotten. For a service of one process. */
export function memoryUsedAssertions(clock: Clock): UsedAssertions {
  const used = new Map<string, EpochSeconds>();
  let sweptAt = clock.now();
  const sweep = (now: EpochSeconds): void => {
    if (now - sweptAt < SWEEP_SECONDS) return;
    sweptAt = now;
    for (const [name, until] of used) if (until < now) used.delete(name);
  };
  return {
    insert: async (caller, jti, until) => {
      sweep(clock.now());
      const name = JSON.stringify([caller, jti]);
      if (used.has(name)) return "replayed";
      used.set(name, until);
      return "fresh";
    },
  };
}

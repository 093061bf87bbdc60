import type { Stopwatch } from "../kernel/clock.ts";

/** Signals that ask the service to stop. SIGQUIT too: by default it would write the memory, and the keys in it, to a file. */
export const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT"] as const;

/** Within this time a second signal is the same request: a terminal and `npm start` both pass Ctrl-C on. */
const SAME_REQUEST_SECONDS = 1;

/** Where signals arrive: `process`. */
export interface SignalSource {
  on(signal: (typeof STOP_SIGNALS)[number] | "SIGHUP", hear: () => void): unknown;
}

/** What signals ask of the service. */
export interface Signals {
  /** Resolves with the name of the first signal that asks it to stop. */
  readonly stop: Promise<string>;
  /** Resolves when it is asked again a second or more later: requests in flight are given up. */
  readonly stopAtOnce: Promise<void>;
  /** Calls `reload` at each SIGHUP from now on, and at once when one came earlier. */
  onHangup(reload: () => void): void;
}

/** Listens for signals from now on, so that none is lost before the service is ready for it. */
export function listenForSignals(source: SignalSource, stopwatch: Stopwatch): Signals {
  let isHungUp = false;
  let reload = (): void => {
    isHungUp = true;
  };
  source.on("SIGHUP", () => {
    reload();
  });
  let stopAt: number | undefined;
  let stopAtOnce = (): void => undefined;
  const again = new Promise<void>((resolve) => {
    stopAtOnce = resolve;
  });
  const stop = new Promise<string>((resolve) => {
    for (const signal of STOP_SIGNALS) {
      source.on(signal, () => {
        const now = stopwatch.elapsed();
        stopAt ??= now;
        if (now - stopAt >= SAME_REQUEST_SECONDS) stopAtOnce();
        resolve(signal);
      });
    }
  });
  return {
    stop,
    stopAtOnce: again,
    onHangup(run) {
      reload = run;
      if (isHungUp) run();
    },
  };
}

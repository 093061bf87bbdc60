/** Port. Timers, which a test advances by hand. */
export interface Timers {
  /** Calls `run` every `milliseconds`; the returned function stops it. */
  every(milliseconds: number, run: () => void): () => void;
  delay(milliseconds: number): Delay;
  /** Resolves when the process has handled everything that has arrived from the network so far. */
  afterArrivals(): Promise<void>;
}

/** A wait that can be cancelled. */
export interface Delay {
  /** Resolves at the end of the wait; never, once it is cancelled. */
  readonly over: Promise<void>;
  cancel(): void;
}

/** The machine's own timers. */
export const systemTimers: Timers = {
  every(milliseconds, run) {
    const timer = setInterval(run, milliseconds);
    return () => {
      clearInterval(timer);
    };
  },
  delay(milliseconds) {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
    });
    return {
      over,
      cancel() {
        clearTimeout(timer);
      },
    };
  },
  afterArrivals: () =>
    new Promise((resolve) => {
      setImmediate(resolve);
    }),
};

/** Port. Waiting, which a test does by hand. */
export interface Timers {
  /** Calls `run` every `milliseconds`; the returned function ends that. */
  every(milliseconds: number, run: () => void): () => void;
  delay(milliseconds: number): Delay;
  /** Resolves when the process has looked at everything that the network had brought by now. */
  afterArrivals(): Promise<void>;
}

/** A wait that can be called off. */
export interface Delay {
  /** Resolves at the end of the wait; never, once it is called off. */
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

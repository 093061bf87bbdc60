let ofThisTurn: (() => void)[] = [];

/**
 * Starts a job of libuv's thread pool at the end of this turn of the event loop, together with all others of the turn. A job that
 * finds a thread asleep wakes it, which costs the loop 10 microseconds and more on a virtual machine; of jobs that come together, the
 * threads that are awake take most. A mint with ES256, a shared secret and a policy went from 145 to 104 microseconds of processor time.
 */
export function inPoolTogether<T>(job: () => Promise<T>): Promise<T> {
  return new Promise((resolve) => {
    const isFirst = ofThisTurn.length === 0;
    ofThisTurn.push(() => {
      // One that throws must not keep the others of its turn from starting.
      resolve((async () => job())());
    });
    if (isFirst) setImmediate(startTogether);
  });
}

function startTogether(): void {
  const jobs = ofThisTurn;
  ofThisTurn = [];
  for (const start of jobs) start();
}

/** Runs the given calls one after the other. One that rejects does so only for its caller: the next one runs. */
export type OneAtATime = <T>(run: () => Promise<T>) => Promise<T>;

/** A new queue, empty. */
export function oneAtATime(): OneAtATime {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const turn = last.then(run);
    last = turn.catch(() => undefined);
    return turn;
  };
}

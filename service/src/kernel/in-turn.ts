/** Runs what it is given one after the other. What rejects does so for its caller only: the next one runs. */
export type InTurn = <T>(run: () => Promise<T>) => Promise<T>;

/** A new queue, empty. */
export function turns(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const turn = last.then(run);
    last = turn.catch(() => undefined);
    return turn;
  };
}

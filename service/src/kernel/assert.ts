/** A state that the code rules out was reached: always our bug, never the caller's. Its text goes only to the log. */
export class Impossible extends Error {
  override readonly name = "Impossible";
}

/** Closes an exhaustive `switch`: a new member of the union fails to compile here. Throws `Impossible` when reached. */
export function unreachable(value: never): never {
  throw new Impossible(`a case is not handled: ${String(value)}`);
}

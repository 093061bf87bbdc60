/**
 * Where a receiver is: the next event that it gets. A revocation that stops more tokens than one event holds is sent in parts, which
 * follow each other.
 */
export interface EventPosition {
  /** Of the revocation. */
  readonly epoch: number;
  /** From 1. */
  readonly part: number;
  /** Its tokens come after this id; empty: from the first on. */
  readonly after: string;
}

/** The first event of the revocation with this number. */
export function startOf(epoch: number): EventPosition {
  return { epoch, part: 1, after: "" };
}

import type { ForeignAlgorithm, ForeignKey } from "./foreign-key.ts";

/**
 * The keys of a set that may have signed a token. With a `kid`: those of that id. Without: the one key for the algorithm, if there
 * is exactly one, because a token that does not name its key must not be tried against many.
 */
export function keysFor(
  keys: readonly ForeignKey[],
  wanted: { readonly kid: string | undefined; readonly alg: ForeignAlgorithm },
): readonly ForeignKey[] {
  const fitting = keys.filter((key) => key.algorithms.includes(wanted.alg));
  if (wanted.kid !== undefined) return fitting.filter((key) => key.kid === wanted.kid);
  return fitting.length === 1 ? fitting : [];
}

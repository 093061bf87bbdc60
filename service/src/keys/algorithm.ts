/** The algorithms this service signs with (RFC 7518 section 3.1), compared case-sensitively. Never `none`, never HS*. */
export const ALGORITHMS = ["RS256", "ES256"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** Reads an algorithm name; `undefined` when it is not one of ours. */
export function parseAlgorithm(text: string): Algorithm | undefined {
  return ALGORITHMS.find((name) => name === text);
}

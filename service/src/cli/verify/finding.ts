/** How the runtime judges one part of a token. `note`: it accepts it, but the effect may surprise. */
export type Verdict = "ok" | "note" | "rejected";

/** One thing about a token, in words for a person. Made of claims, never of the token itself. */
export interface Finding {
  readonly verdict: Verdict;
  readonly about: string;
  readonly text: string;
}

/** Whether the runtime would accept a token of which these things are true. */
export function isAccepted(findings: readonly { readonly verdict: Verdict }[]): boolean {
  return findings.every(({ verdict }) => verdict !== "rejected");
}

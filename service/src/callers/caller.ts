import type { Branded } from "../kernel/branded.ts";

/**
 * Evidence of who calls this service. What acts for a caller takes one as an argument, so that it cannot be reached before the
 * caller was looked at. Each kind of proof is a file of this room, with a function from the proof to a Caller or the reason why
 * there is none.
 */
export type Caller = Branded<CallerFacts, "Caller">;

/** What is known of a caller, by the kind of its proof. */
type CallerFacts = { readonly kind: "anyone" };

/** The caller that a proof found. Only the proofs of this room call it (a lint rule). */
export function provedCaller(facts: CallerFacts): Caller {
  return facts as Caller;
}

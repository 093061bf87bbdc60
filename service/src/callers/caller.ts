import type { Branded } from "../kernel/branded.ts";

/**
 * Evidence of who calls this service. What acts for a caller takes one as an argument, so that it cannot be reached before the
 * caller was looked at. Only this room makes one: each kind of proof is a file here, with a function from the proof to a Caller
 * or the reason why there is none.
 */
export type Caller = Branded<{ readonly kind: "anyone" }, "Caller">;

const ANYONE = { kind: "anyone" } as Caller;

/** The caller of a service that asks for no proof: anyone who reaches its port. */
export function anyone(): Caller {
  return ANYONE;
}

import { type Caller, provedCaller } from "./caller.ts";

const ANYONE = provedCaller({ kind: "anyone" });

/** The caller of a service that asks for no proof: anyone who reaches its port. */
export function anyone(): Caller {
  return ANYONE;
}

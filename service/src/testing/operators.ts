import type { AuthenticateDeps } from "../callers/authenticate.ts";
import { systemRandom } from "../kernel/random.ts";
import type { Secret } from "../kernel/secret.ts";
import { operatorProofs } from "../wiring/access/operators.ts";
import { OWN_ISSUER } from "./callers.ts";
import { TestClock } from "./moments.ts";

/** How operators of an admin listener prove who they are where no caller is declared. */
export function operatorsWith(token: Secret | undefined): () => AuthenticateDeps {
  const parts = { token, ownIssuer: OWN_ISSUER, clock: new TestClock(), random: systemRandom() };
  return operatorProofs(parts, undefined);
}

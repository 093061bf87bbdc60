import { credentialNameOf, isFailedProof } from "../../callers/credential-name.ts";
import type { Presented } from "../../callers/presented.ts";
import type { AuthReason } from "../../callers/rejection.ts";
import type { Attempt } from "../../limits/failure-budget.ts";
import type { LimitsInForce } from "../../limits/limits-in-force.ts";

/** One proof that a request presents, as the budget of failures counts it. */
export class ProofAttempt {
  readonly #limits: LimitsInForce;
  readonly #attempt: Attempt;

  /** `realm`: whose credentials it is one of. A secret that is a setting has no name of its own on either listener. */
  constructor(limits: LimitsInForce, address: string, presented: Presented, realm: "callers" | "operators") {
    this.#limits = limits;
    const credential = credentialNameOf(presented);
    this.#attempt = {
      address,
      credential: credential && { ...credential, name: `${realm} ${credential.name}` },
    };
  }

  /** Microseconds until it may be checked; 0: now. Nothing of a credential was looked at yet. */
  waitUs(): number {
    const { counted, plan } = this.#limits;
    return this.#attempt.credential === undefined ? 0 : counted.failures.waitUs(plan, this.#attempt);
  }

  /** What became of it; `undefined`: it proved a caller. */
  note(fault: AuthReason | undefined): void {
    const { counted, plan } = this.#limits;
    if (fault === undefined) counted.failures.succeeded(this.#attempt);
    else if (isFailedProof(fault)) counted.failures.failed(plan, this.#attempt);
  }
}

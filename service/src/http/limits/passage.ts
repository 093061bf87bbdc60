import type { Presented } from "../../callers/presented.ts";
import type { Rejected } from "../../callers/rejection.ts";
import type { Level, Taken } from "../../limits/buckets.ts";
import { takeOfAddress, takesOfToken } from "../../limits/limit-plan.ts";
import { type LimitReason, type MintLimited, reasonOf } from "../../limits/limit-reason.ts";
import type { LimitsInForce } from "../../limits/limits-in-force.ts";
import type { Meter } from "../../telemetry/meter.ts";
import type { Admit, MintRefusal } from "../../tokens/mint.ts";
import { type Problem, problem, problemOf } from "../problem.ts";
import { ProofAttempt } from "./proof-attempt.ts";
import { rateLimitHeaders, retryAfterHeader } from "./rate-limit-headers.ts";

/** One request for a token on its way past the limits. */
export interface Passage {
  /** Before its credential is looked at: why it goes no further; `undefined`: it does. */
  enter(): Problem | undefined;
  /** Its proof was checked. */
  noteProof(outcome: { readonly kind: "caller" } | Rejected): void;
  /** `undefined`: nothing is limited. */
  readonly admit: Admit | undefined;
  /** The problem of a mint that was rejected. */
  problemOf(refusal: MintRefusal): Problem;
  /** What its answer says of the limits. */
  headers(): readonly string[];
}

/** Where nothing is limited. */
export const FREE_PASSAGE: Passage = {
  enter: () => undefined,
  noteProof: () => undefined,
  admit: undefined,
  problemOf,
  headers: () => NO_HEADERS,
};
const NO_HEADERS: readonly string[] = [];

/** Past limits that are in force. Where they are only observed, a request is counted and never stopped. */
export class LimitedPassage implements Passage {
  readonly #limits: LimitsInForce;
  readonly #address: string;
  /** `undefined`: nobody is asked for a proof, or a wrong one has no consequence. */
  readonly #attempt: ProofAttempt | undefined;
  readonly #meter: Pick<Meter, "limitObserved">;
  #levels: readonly Level[] = [];

  /** `address`: by which its client is counted. `presented`: its proof, where a wrong one is rejected. */
  constructor(
    limits: LimitsInForce,
    address: string,
    presented: Presented | undefined,
    meter: Pick<Meter, "limitObserved">,
  ) {
    this.#limits = limits;
    this.#address = address;
    this.#attempt = presented && new ProofAttempt(limits, address, presented, "callers");
    this.#meter = meter;
  }

  enter(): Problem | undefined {
    const { plan, counted } = this.#limits;
    const taken = counted.door.take(takeOfAddress(plan, this.#address));
    this.#levels = taken.levels;
    if (taken.kind === "limited") return this.#stopped("limit_address", taken.retryAfterUs);
    const waitUs = this.#attempt?.waitUs() ?? 0;
    return waitUs > 0 ? this.#stopped("limit_failures", waitUs) : undefined;
  }

  noteProof(outcome: { readonly kind: "caller" } | Rejected): void {
    this.#attempt?.note(outcome.kind === "rejected" ? outcome.reason : undefined);
  }

  readonly admit: Admit = (caller, sender) => {
    const { plan, counted } = this.#limits;
    const id = caller.kind === "declared" ? caller.id : undefined;
    const ofToken = takesOfToken(plan, { address: this.#address, caller: id, sender });
    const taken = counted.tokens.take(
      counted.areShared ? [...takeOfAddress(plan, this.#address), ...ofToken] : ofToken,
    );
    return taken instanceof Promise
      ? taken.then((late) => this.#admitted(late, id !== undefined))
      : this.#admitted(taken, id !== undefined);
  };

  #admitted(taken: Taken, hasCaller: boolean): MintLimited | undefined {
    this.#levels = this.#limits.counted.areShared ? taken.levels : [...this.#levels, ...taken.levels];
    if (taken.kind === "taken") return undefined;
    const { scope, retryAfterUs } = taken;
    const reason = reasonOf(scope, hasCaller);
    return this.#isOnlyObserved(reason) ? undefined : { reason, retryAfterUs };
  }

  problemOf(refusal: MintRefusal): Problem {
    return "retryAfterUs" in refusal
      ? limitedProblem(refusal.reason, refusal.retryAfterUs, this.headers())
      : problemOf(refusal);
  }

  headers(): readonly string[] {
    return this.#limits.plan.mode === "enforce" ? rateLimitHeaders(this.#levels) : [];
  }

  #stopped(reason: LimitReason, retryAfterUs: number): Problem | undefined {
    return this.#isOnlyObserved(reason) ? undefined : limitedProblem(reason, retryAfterUs, this.headers());
  }

  #isOnlyObserved(reason: LimitReason): boolean {
    if (this.#limits.plan.mode === "enforce") return false;
    this.#meter.limitObserved(reason);
    return true;
  }
}

/** The problem of a request that is limited. */
export function limitedProblem(
  reason: LimitReason,
  retryAfterUs: number,
  headers: readonly string[] = [],
): Problem {
  return { ...problem(reason), headers: [...retryAfterHeader(retryAfterUs), ...headers] };
}

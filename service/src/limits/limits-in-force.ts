import type { Buckets } from "./buckets.ts";
import type { FailureBudget } from "./failure-budget.ts";
import type { LimitPlan } from "./limit-plan.ts";
import type { LocalBuckets } from "./local-buckets.ts";

/** The limits that are in force, and what is counted. A request uses one of these from start to end. */
export interface LimitsInForce {
  readonly plan: LimitPlan;
  readonly counted: CountedSoFar;
}

/** What is counted lives as long as the process: a new document changes only the plan. */
export interface CountedSoFar {
  /** Requests by address, of this process. */
  readonly door: LocalBuckets;
  readonly failures: FailureBudget;
  /** Tokens: of this process, or of all replicas. */
  readonly tokens: Buckets;
  /** Whether `tokens` count by address too: those of all replicas do, since the door of each knows only its own requests. */
  readonly areShared: boolean;
}

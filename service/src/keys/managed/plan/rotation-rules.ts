import type { Algorithm } from "../../algorithm.ts";
import type { RotationTiming } from "../../timing.ts";

/** The rotation settings of a replica, except its algorithm. Seconds. */
export interface RotationSettings {
  readonly periodSeconds: number;
  readonly leadSeconds: number;
  readonly timing: RotationTiming;
  /** Whether activation waits until every known verifier has fetched a set with the key. */
  readonly gate: Gate;
}

export const GATES = ["off", "warn", "enforce"] as const;
export type Gate = (typeof GATES)[number];

/** The goals of rotation. */
export interface RotationRules extends RotationSettings {
  /** The algorithm that this replica is configured to sign with. */
  readonly alg: Algorithm;
}

import type { EpochSeconds } from "../../kernel/clock.ts";
import type { RotationTiming } from "../timing.ts";

/** The permission to sign and to serve that a beat gives once the store has committed it. */
export interface Lease {
  /** Where the stopwatch stood before the beat: the lease counts from there. */
  readonly begun: number;
  /** Where this replica's clocks stood when the store's was read. */
  readonly elapsed: number;
  readonly wall: EpochSeconds;
  /** The store's clock minus this replica's. */
  readonly offsetSeconds: number;
}

/** This replica's clocks at one moment. */
export interface ClockReading {
  readonly now: EpochSeconds;
  /** Of the stopwatch, in seconds. */
  readonly elapsed: number;
}

/** Why there is no lease or it has ended; `undefined` while it holds. */
export type LeaseEnd = "not_read_yet" | "lease_expired" | "clock_off";

/** Why a lease does not hold: it is older than F, or the clocks lie further apart than ε. */
export function leaseEndOf(
  lease: Lease | undefined,
  reading: ClockReading,
  timing: RotationTiming,
): LeaseEnd | undefined {
  if (lease === undefined) return "not_read_yet";
  if (reading.elapsed - lease.begun > timing.replicaLagSeconds) return "lease_expired";
  return isClockOff(clockOffsetOf(lease, reading), timing) ? "clock_off" : undefined;
}

/** Whether this is more than ε. Clocks are compared in whole seconds, which may hide one. */
export function isClockOff(offsetSeconds: number, { clockSkewSeconds }: RotationTiming): boolean {
  return Math.abs(offsetSeconds) > clockSkewSeconds + 1;
}

/** The store's clock minus this replica's now: the wall clock should have advanced as far as the stopwatch since the beat. */
export function clockOffsetOf(lease: Lease, { now, elapsed }: ClockReading): number {
  return lease.offsetSeconds - (now - lease.wall - (elapsed - lease.elapsed));
}

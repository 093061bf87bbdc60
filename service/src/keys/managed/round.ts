import type { KeySetDeps } from "./change-key-set.ts";
import type { KeyChange } from "./key-change.ts";
import type { ManagedKeys } from "./managed-keys.ts";
import type { RotationAlarm } from "./plan/plan-rotation.ts";
import { rotate } from "./rotate.ts";

/** The result of one round of rotation. */
export interface RoundReport {
  readonly changes: readonly KeyChange[];
  readonly alarms: readonly RotationAlarm[];
}

/**
 * Renews the lease and brings the set to where it should be: one whole round, run at start and after an operation. Rejects as the
 * store does; the keys in force then stay until their lease ends.
 */
export async function wholeRound(
  deps: KeySetDeps,
  keys: ManagedKeys,
  report: (report: RoundReport) => void = () => undefined,
): Promise<void> {
  await keys.renew();
  await rotationRound(deps, keys, report);
}

/**
 * Brings the set to where it should be, and puts it in force here, under a lease that is renewed elsewhere: however long it takes
 * to make a new key, the lease does not end because of it. Does nothing without a lease. Rejects as the store does; changes that
 * were made by then are still reported.
 */
export async function rotationRound(
  deps: KeySetDeps,
  keys: ManagedKeys,
  report: (report: RoundReport) => void = () => undefined,
): Promise<void> {
  if (!keys.mayChangeStore()) return;
  const { changes, alarms, lost } = await rotate(deps, (set) => keys.doubtAbout(set));
  // Reported at once: the change is stored, even if the rest of the round fails.
  report({ changes, alarms });
  if (changes.length > 0 || lost) await keys.renew();
  // The store must know at once what is in force here now: the lead of a new key counts from then.
  if (!keys.isReported) await keys.renew();
}

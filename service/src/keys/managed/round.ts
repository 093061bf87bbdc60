import type { KeySetDeps } from "./change-key-set.ts";
import type { KeyChange } from "./key-change.ts";
import type { ManagedKeys } from "./managed-keys.ts";
import type { RotationAlarm } from "./plan/plan-rotation.ts";
import { rotate } from "./rotate.ts";

/** What one round of rotation led to. */
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
 * Brings the set to where it should be, and puts it in force here, under a lease that is renewed elsewhere: however long a new
 * key takes to make, no lease ends over it. Does nothing without a lease. Rejects as the store does; whatever was changed by then is
 * reported all the same.
 */
export async function rotationRound(
  deps: KeySetDeps,
  keys: ManagedKeys,
  report: (report: RoundReport) => void = () => undefined,
): Promise<void> {
  if (!keys.mayChangeStore()) return;
  const { changes, alarms, lost } = await rotate(deps, (set) => keys.doubtAbout(set));
  // At once: what was changed was changed, whatever becomes of the rest of the round.
  report({ changes, alarms });
  if (changes.length > 0 || lost) await keys.renew();
  // The store is to know at once what is in force here now: the lead of a new key counts from then.
  if (!keys.isReported) await keys.renew();
}

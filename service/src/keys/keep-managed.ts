import type { KeyChange } from "./key-change.ts";
import type { ManagedKeys } from "./managed-keys.ts";
import type { RotationAlarm } from "./plan-rotation.ts";
import { type RotateDeps, rotate } from "./rotate.ts";

/** What one round of keeping the managed keys led to. */
export interface KeepReport {
  readonly changes: readonly KeyChange[];
  readonly alarms: readonly RotationAlarm[];
}

/**
 * One round, run at start and about six times in each F: read the set, bring it to where it should be, put it in force here,
 * and tell the store that this replica serves it. In this order: a store that went back in time must not be changed, and the
 * gap in which nobody served must be seen before it is closed. Rejects as the store does; the keys in force then stay until
 * their lease ends.
 */
export async function keepManaged(
  deps: RotateDeps,
  keys: ManagedKeys,
  tell: (report: KeepReport) => void = () => undefined,
): Promise<void> {
  await keys.sync();
  if (!keys.mayChangeStore()) return;
  const { changes, alarms } = await rotate(deps);
  // Told at once: what was changed was changed, whatever becomes of the rest of the round.
  tell({ changes, alarms });
  await keys.sync();
  await keys.beat();
}

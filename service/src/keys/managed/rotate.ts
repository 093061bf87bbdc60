import { changeKeySet, type Doubt, type KeySetDeps } from "./change-key-set.ts";
import type { KeyChange } from "./key-change.ts";
import { planRotation, type RotationAlarm } from "./plan/plan-rotation.ts";

/** What a rotation did. `lost`: another replica was faster every time; nothing is wrong, the next round looks again. */
export interface RotationReport {
  readonly changes: readonly KeyChange[];
  readonly alarms: readonly RotationAlarm[];
  readonly lost: boolean;
}

/** Makes the changes of the key set that are due now. Does nothing on a set that is in doubt. */
export async function rotate(deps: KeySetDeps, doubt?: Doubt): Promise<RotationReport> {
  const outcome = await changeKeySet(
    deps,
    (set) => ({ kind: "planned" as const, ...planRotation(set, deps.rules) }),
    doubt,
  );
  return outcome.kind === "done"
    ? { changes: outcome.changes, alarms: outcome.plan.alarms, lost: false }
    : { changes: [], alarms: [], lost: outcome.kind === "lost" };
}

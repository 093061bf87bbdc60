import { type CarryOutDeps, carryOut, destroyAll, droppedBy, madeFor } from "./carry-out.ts";
import type { KeyChange, KeyStep } from "./key-change.ts";
import type { KeySet, KeyStore } from "./key-store.ts";
import type { StoreDoubt } from "./store-doubt.ts";

/** All that a change of a key set needs. */
export interface KeySetDeps extends CarryOutDeps {
  readonly store: KeyStore;
}

/** Why a set that was read must not be planned on; `undefined` when it may be. */
export type Doubt = (set: KeySet) => PlanDoubt | undefined;
/** The store went back in time, is another one, or its clock and this replica's disagree. */
export type PlanDoubt = StoreDoubt | "clock_off";

/** For a command on the store, which has not read it before. */
const NO_DOUBT: Doubt = () => undefined;

/** What a planner decided. */
export interface Planned {
  readonly kind: "planned";
  readonly steps: readonly KeyStep[];
}

/** The result of a change: `done` with the set that it was decided on, or why nothing changed. */
export type ChangeOutcome<Plan extends Planned, Refusal> =
  | {
      readonly kind: "done";
      readonly plan: Plan;
      readonly changes: readonly KeyChange[];
      readonly before: KeySet;
    }
  | { readonly kind: "doubted"; readonly doubt: PlanDoubt }
  /** Another replica was faster every time; nothing is wrong, and the next attempt looks again. */
  | { readonly kind: "lost" }
  | Refusal;

/** How often a loser of the race reads the set again before it gives up. */
const ATTEMPTS_MAX = 5;

/**
 * The one way in which a key set changes: load, check for doubt, plan, execute, replace; and from the start when another was
 * faster, so that each change is decided on the set that it changes. `plan` is pure; one that has no steps, or is rejected, changes
 * nothing.
 */
export async function changeKeySet<Plan extends Planned, Refusal extends { readonly kind: "rejected" }>(
  deps: KeySetDeps,
  plan: (set: KeySet) => Plan | Refusal,
  doubt: Doubt = NO_DOUBT,
): Promise<ChangeOutcome<Plan, Refusal>> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const before = await deps.store.load();
    const doubted = doubt(before);
    if (doubted !== undefined) return { kind: "doubted", doubt: doubted };
    const planned = plan(before);
    if (planned.kind === "rejected") return planned;
    const changes = await carryOut(deps, before, planned.steps);
    if (changes.length === 0 || (await deps.store.replace(before.version, changes)) === "replaced") {
      await destroyAll(deps, droppedBy(before, changes));
      return { kind: "done", plan: planned, changes, before };
    }
    // When `replace` rejects instead, it is not known whether the store has them, so they stay.
    await destroyAll(deps, madeFor(changes));
  }
  return { kind: "lost" };
}

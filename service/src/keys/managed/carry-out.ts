import type { Kid } from "../../kernel/ids.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import type { HeldKey, KeyCustody } from "../custody/custody.ts";
import type { KeyChange, KeyStep, MakeKey, ResealKey } from "./key-change.ts";
import type { KeySet } from "./key-store.ts";
import type { ManagedKey } from "./managed-key.ts";
import { lifeSeconds } from "./plan/plan-rotation.ts";
import type { RotationRules } from "./plan/rotation-rules.ts";

export interface CarryOutDeps {
  readonly custody: KeyCustody;
  readonly rules: RotationRules;
  /** Is notified of a private part that the store does not hold, and that may still exist in custody. */
  readonly destroyFailed?: (kid: Kid, why: unknown) => void;
}

/**
 * The changes that result from the steps of a plan: keys are made and private parts sealed here. Throws `StoreCorrupt` when a private
 * part cannot be opened.
 */
export async function carryOut(
  deps: CarryOutDeps,
  set: KeySet,
  steps: readonly KeyStep[],
): Promise<readonly KeyChange[]> {
  const changes: KeyChange[] = [];
  for (const step of steps) {
    if (step.kind === "make") changes.push(...(await make(deps, step)));
    else changes.push(step.kind === "reseal" ? await reseal(deps, set, step) : step);
  }
  return changes;
}

/** The keys whose private parts the store drops by these changes of the set. */
export function droppedBy(set: KeySet, changes: readonly KeyChange[]): readonly HeldKey[] {
  return changes.flatMap(({ kind, kid }) => {
    const held = kind === "revoke" || kind === "retire" ? heldOf(set, kid) : undefined;
    return held === undefined ? [] : [held];
  });
}

/** The keys that were made for these changes. */
export function madeFor(changes: readonly KeyChange[]): readonly HeldKey[] {
  return changes.filter((change) => change.kind === "publish");
}

/** Destroys private parts that the store does not hold. Never rejects: the change of the set does not depend on it. */
export async function destroyAll(
  { custody, destroyFailed = () => undefined }: CarryOutDeps,
  keys: readonly HeldKey[],
): Promise<void> {
  for (const key of keys)
    await custody.destroy(key).catch((thrown: unknown) => {
      destroyFailed(key.kid, thrown);
    });
}

async function make(
  { custody, rules }: CarryOutDeps,
  { alg, activate }: MakeKey,
): Promise<readonly KeyChange[]> {
  const publish: KeyChange = { kind: "publish", ...(await custody.make(alg)) };
  const { maxTtlSeconds } = rules.timing;
  return activate
    ? [publish, { kind: "activate", kid: publish.kid, lifeSeconds: lifeSeconds(rules), maxTtlSeconds }]
    : [publish];
}

async function reseal({ custody }: CarryOutDeps, set: KeySet, { kid }: ResealKey): Promise<KeyChange> {
  const held = heldOf(set, kid);
  const sealed = held && (await custody.reseal(held));
  if (sealed === undefined) throw new StoreCorrupt({ what: "key_unopened", kid });
  return { kind: "reseal", kid, sealed };
}

/** The key, when its private part still exists. */
function heldOf({ keys }: KeySet, kid: ManagedKey["kid"]): HeldKey | undefined {
  const key = keys.find((one) => one.kid === kid);
  return key?.sealed === undefined ? undefined : { ...key, sealed: key.sealed };
}

import { createPrivateKey, type KeyObject } from "node:crypto";
import type { Algorithm } from "../algorithm.ts";
import { makeKey } from "../custody/make-key.ts";
import type { Sealer } from "../custody/sealer.ts";
import type { ImportedKey } from "../import/import-key.ts";
import type { KeyChange } from "./key-change.ts";
import type { KeySet, KeyStore } from "./key-store.ts";
import type { ManagedKey } from "./managed-key.ts";
import {
  type Acceptance,
  type Operation,
  type OperationRefusal,
  planOperation,
} from "./plan/plan-operation.ts";
import {
  lifeSeconds,
  type MakeKey,
  planRotation,
  type RotationAlarm,
  type RotationStep,
} from "./plan/plan-rotation.ts";
import type { RotationRules } from "./plan/rotation-rules.ts";

export interface RotateDeps {
  readonly store: KeyStore;
  readonly sealer: Sealer;
  readonly rules: RotationRules;
  /** Where new keys come from; `makeKey` when left out. */
  readonly makeKey?: (alg: Algorithm) => Promise<ImportedKey>;
}

/** Why a set that was read must not be planned on; `undefined` when it may be. */
export type Doubt = (set: KeySet) => PlanDoubt | undefined;
/** The store went back in time, is another one, or its clock and this replica's disagree. */
export type PlanDoubt = "store_older" | "store_forked" | "clock_off";

/** What a rotation did. `lost`: another replica was faster every time; nothing is wrong, the next tick looks again. */
export interface RotationReport {
  readonly changes: readonly KeyChange[];
  readonly alarms: readonly RotationAlarm[];
  readonly lost: boolean;
}

/** Of a command on the store, which has seen nothing of it before. */
const NO_DOUBT: Doubt = () => undefined;

/** How often a loser of the race reads the set again before it leaves the work to the next tick. */
const TRIES = 5;

/**
 * Brings the key set to where it should be now: load, plan, make keys, replace, and load again when another was faster. Does
 * nothing on a set that is in doubt.
 */
export async function rotate(deps: RotateDeps, doubt: Doubt = NO_DOUBT): Promise<RotationReport> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const set = await deps.store.load();
    if (doubt(set) !== undefined) return { changes: [], alarms: [], lost: false };
    const { steps, alarms } = planRotation(set, deps.rules);
    if (steps.length === 0) return { changes: [], alarms, lost: false };
    const changes = await carryOut(deps, steps);
    if ((await deps.store.replace(set.version, changes)) === "replaced")
      return { changes, alarms, lost: false };
  }
  return { changes: [], alarms: [], lost: true };
}

/** What an operator's command did, with the set that it was decided on. */
export type OperationReport =
  | { readonly kind: "done"; readonly changes: readonly KeyChange[]; readonly before: KeySet }
  | { readonly kind: "lost" }
  | { readonly kind: "doubted"; readonly doubt: PlanDoubt }
  | OperationRefusal;

/** Carries out one operation, decided anew whenever another replica changed the set in between. */
export async function operate(
  deps: RotateDeps,
  operation: Operation,
  accepted: ReadonlySet<Acceptance>,
  doubt: Doubt = NO_DOUBT,
): Promise<OperationReport> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const set = await deps.store.load();
    const doubted = doubt(set);
    if (doubted !== undefined) return { kind: "doubted", doubt: doubted };
    const plan = planOperation(set, operation, deps.rules, accepted);
    if (plan.kind === "refused") return plan;
    const changes = await carryOut(deps, plan.steps);
    if ((await deps.store.replace(set.version, changes)) === "replaced")
      return { kind: "done", changes, before: set };
  }
  return { kind: "lost" };
}

/** Makes the keys that the steps ask for. A key that loses the race is forgotten: it was never published. */
async function carryOut(deps: RotateDeps, steps: readonly RotationStep[]): Promise<readonly KeyChange[]> {
  const changes: KeyChange[] = [];
  for (const step of steps) changes.push(...(step.kind === "make" ? await makeAndSeal(deps, step) : [step]));
  return changes;
}

async function makeAndSeal(
  { sealer, rules, makeKey: make = makeKey }: RotateDeps,
  { alg, activate }: MakeKey,
): Promise<readonly KeyChange[]> {
  const { kid, publicJwk, privateKey } = await make(alg);
  if (privateKey === undefined) return [];
  const sealed = sealer.seal(privateKey.export({ type: "pkcs8", format: "der" }), placeOf(kid, alg));
  const publish: KeyChange = { kind: "publish", kid, alg, publicJwk, sealed };
  return activate
    ? [
        publish,
        {
          kind: "activate",
          kid,
          lifeSeconds: lifeSeconds(rules),
          maxTtlSeconds: rules.timing.maxTtlSeconds,
        },
      ]
    : [publish];
}

/** Opens a key's private part; `undefined` when it was altered, moved to another row, destroyed, or its sealing key is not here. */
export function openPrivateKey(sealer: Sealer, key: ManagedKey): KeyObject | undefined {
  const bytes = key.sealed && sealer.open(key.sealed, placeOf(key.kid, key.alg));
  return bytes && createPrivateKey({ key: bytes, format: "der", type: "pkcs8" });
}

/** Where a private key belongs: bound into its seal, so that it cannot be opened from another row or for another use. */
export function placeOf(kid: string, alg: Algorithm): string {
  return JSON.stringify(["macp-auth signing_keys", 1, kid, alg]);
}

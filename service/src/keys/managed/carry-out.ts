import { createPrivateKey, type KeyObject } from "node:crypto";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import type { Algorithm } from "../algorithm.ts";
import { makeKey } from "../custody/make-key.ts";
import type { Sealer } from "../custody/sealer.ts";
import type { KeySetDeps } from "./change-key-set.ts";
import type { KeyChange, KeyStep, MakeKey, ResealKey } from "./key-change.ts";
import type { KeySet } from "./key-store.ts";
import type { ManagedKey } from "./managed-key.ts";
import { lifeSeconds } from "./plan/plan-rotation.ts";

/**
 * The changes that the steps of a plan come to: keys are made and private parts sealed here. A key that then loses the race is
 * forgotten: it was never published. Throws `StoreCorrupt` when a private part cannot be opened.
 */
export async function carryOut(
  deps: KeySetDeps,
  set: KeySet,
  steps: readonly KeyStep[],
): Promise<readonly KeyChange[]> {
  const changes: KeyChange[] = [];
  for (const step of steps) {
    if (step.kind === "make") changes.push(...(await make(deps, step)));
    else changes.push(step.kind === "reseal" ? reseal(deps, set, step) : step);
  }
  return changes;
}

async function make(
  { sealer, rules, makeKey: make = makeKey }: KeySetDeps,
  { alg, activate }: MakeKey,
): Promise<readonly KeyChange[]> {
  const { kid, publicJwk, privateKey } = await make(alg);
  if (privateKey === undefined) return [];
  const publish: KeyChange = {
    kind: "publish",
    kid,
    alg,
    publicJwk,
    sealed: sealed(sealer, privateKey, kid, alg),
  };
  const { maxTtlSeconds } = rules.timing;
  return activate
    ? [publish, { kind: "activate", kid, lifeSeconds: lifeSeconds(rules), maxTtlSeconds }]
    : [publish];
}

function reseal({ sealer }: KeySetDeps, set: KeySet, { kid }: ResealKey): KeyChange {
  const key = set.keys.find((one) => one.kid === kid);
  const privateKey = key && openPrivateKey(sealer, key);
  if (key === undefined || privateKey === undefined) throw new StoreCorrupt({ what: "key_unopened", kid });
  return { kind: "reseal", kid, sealed: sealed(sealer, privateKey, kid, key.alg) };
}

function sealed(sealer: Sealer, privateKey: KeyObject, kid: string, alg: Algorithm) {
  return sealer.seal(privateKey.export({ type: "pkcs8", format: "der" }), placeOf(kid, alg));
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

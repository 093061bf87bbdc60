import type { Kid } from "../../../../kernel/ids.ts";
import { answerOf } from "../../../../keys/managed/key-report.ts";
import { isServed } from "../../../../keys/managed/managed-key.ts";
import { type OperationAnswer, REASON_UNSPECIFIED } from "../../../../keys/managed/operator-shapes.ts";
import { type Acceptance, planOperation } from "../../../../keys/managed/plan/plan-operation.ts";
import type { KeyPreview } from "../../../../ledger/revocation/operator-shapes.ts";
import { outageText } from "../../../operation-words.ts";
import type { ManagedParts } from "../key-operation.ts";

/**
 * What the revocation of a key would do to the JWKS, decided as the revocation itself decides it, without a change; `undefined`: the key
 * is not served any more. Rejects as the store does.
 */
export async function previewKey(
  { store, rules }: Pick<ManagedParts, "store" | "rules">,
  kid: Kid,
  accepted: ReadonlySet<Acceptance>,
): Promise<KeyPreview | undefined> {
  const before = await store.load();
  if (!before.keys.some((key) => key.kid === kid && isServed(key))) return undefined;
  const plan = planOperation(before, { kind: "revoke", kid, reason: REASON_UNSPECIFIED }, rules, accepted);
  if (plan.kind === "rejected") return facts(answerOf(plan, before, rules, outageText), []);
  // A revocation makes nothing: these are all of its steps.
  const changes = plan.steps.flatMap((step) =>
    step.kind === "revoke" || step.kind === "activate" ? [step] : [],
  );
  const done = answerOf({ kind: "done", plan, changes, before }, before, rules, outageText);
  return facts(done, done.changes ?? []);
}

function facts(
  { rejected, still_accepted }: OperationAnswer,
  changes: NonNullable<OperationAnswer["changes"]>,
): KeyPreview {
  return { changes, rejected: rejected ?? null, still_accepted: still_accepted ?? null };
}

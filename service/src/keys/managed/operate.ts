import {
  type ChangeOutcome,
  changeKeySet,
  type Doubt,
  type KeySetDeps,
  type Planned,
} from "./change-key-set.ts";
import {
  type Acceptance,
  type Operation,
  type OperationRefusal,
  planOperation,
} from "./plan/plan-operation.ts";

/** What an operator's command did, or why it did nothing. */
export type OperationReport = ChangeOutcome<Planned, OperationRefusal>;

/** An operation that was not executed. */
export type UndoneReport = Exclude<OperationReport, { readonly kind: "done" }>;

/** Executes one operation, decided again whenever another replica changed the set in between. */
export function operate(
  deps: KeySetDeps,
  operation: Operation,
  accepted: ReadonlySet<Acceptance>,
  doubt?: Doubt,
): Promise<OperationReport> {
  return changeKeySet<Planned, OperationRefusal>(
    deps,
    (set) => planOperation(set, operation, deps.rules, accepted),
    doubt,
  );
}

import type { KeysReport, OperationAnswer } from "../../keys/managed/operator-shapes.ts";
import type { Acceptance, Operation } from "../../keys/managed/plan/plan-operation.ts";

/** What the key commands work on: the store itself, or a running service's admin listener. */
export interface KeysBackend {
  list(all: boolean): Promise<KeysReport>;
  operate(operation: Operation, accepted: ReadonlySet<Acceptance>): Promise<OperationAnswer>;
  close(): Promise<void>;
}

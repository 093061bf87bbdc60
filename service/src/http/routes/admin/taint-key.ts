import { printable } from "../../../kernel/printable.ts";
import { OPERATION_BODIES } from "../../../keys/managed/operator-shapes.ts";
import { SECURITY } from "../../operator.ts";
import { keyOperation } from "./key-operation.ts";

export const taintKey = keyOperation({
  name: "taint",
  summary: "Stop signing with this key; existing tokens stay valid",
  roles: SECURITY,
  body: OPERATION_BODIES.taint,
  operationOf: ({ kid, reason }) => ({ kind: "taint", kid, reason: printable(reason) }),
});

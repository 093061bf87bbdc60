import { printable } from "../../../kernel/printable.ts";
import { OPERATION_BODIES } from "../../../keys/managed/operator-shapes.ts";
import { SECURITY } from "../../operator.ts";
import { keyOperation } from "./key-operation.ts";

export const revokeKey = keyOperation({
  name: "revoke",
  summary: "Remove this key from the JWKS at once; its tokens become invalid",
  roles: SECURITY,
  body: OPERATION_BODIES.revoke,
  operationOf: ({ kid, reason }) => ({ kind: "revoke", kid, reason: printable(reason) }),
});

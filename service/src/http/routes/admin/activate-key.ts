import { OPERATION_BODIES } from "../../../keys/managed/operator-shapes.ts";
import { OPERATORS } from "../../operator.ts";
import { keyOperation } from "./key-operation.ts";

export const activateKey = keyOperation({
  name: "activate",
  summary: "Make this key the signing key now; without `kid`, the standby key",
  roles: OPERATORS,
  body: OPERATION_BODIES.activate,
  operationOf: ({ kid }) => ({ kind: "activate", kid }),
});

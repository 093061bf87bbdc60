import { OPERATION_BODIES } from "../../../keys/managed/operator-shapes.ts";
import { OPERATORS } from "../../operator.ts";
import { keyOperation } from "./key-operation.ts";

export const retireKey = keyOperation({
  name: "retire",
  summary: "Remove a key that no longer signs from the JWKS",
  roles: OPERATORS,
  body: OPERATION_BODIES.retire,
  operationOf: ({ kid }) => ({ kind: "retire", kid }),
});

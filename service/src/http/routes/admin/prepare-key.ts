import { OPERATION_BODIES } from "../../../keys/managed/operator-shapes.ts";
import { OPERATORS } from "../../operator.ts";
import { keyOperation } from "./key-operation.ts";

export const prepareKey = keyOperation({
  name: "prepare",
  summary: "Make another standby key",
  roles: OPERATORS,
  body: OPERATION_BODIES.prepare,
  operationOf: ({ alg }, own) => ({ kind: "prepare", alg: alg ?? own }),
});

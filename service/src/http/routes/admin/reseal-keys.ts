import { OPERATION_BODIES } from "../../../keys/managed/operator-shapes.ts";
import { OPERATORS } from "../../operator.ts";
import { keyOperation } from "./key-operation.ts";

export const resealKeys = keyOperation({
  name: "reseal",
  summary: "Seal and tag everything stored with the first key-encryption key of this replica",
  roles: OPERATORS,
  body: OPERATION_BODIES.reseal,
  operationOf: () => ({ kind: "reseal" }),
});

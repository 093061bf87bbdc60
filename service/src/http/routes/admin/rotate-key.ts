import { OPERATION_BODIES } from "../../../keys/managed/operator-shapes.ts";
import { OPERATORS } from "../../operator.ts";
import { keyOperation } from "./key-operation.ts";

export const rotateKey = keyOperation({
  name: "rotate",
  summary: "Make the standby key the signing key now",
  roles: OPERATORS,
  body: OPERATION_BODIES.rotate,
  operationOf: () => ({ kind: "activate", kid: undefined }),
});

import { ReachAnswer, SelectorBody, selectorIn } from "../../../../ledger/revocation/operator-shapes.ts";
import { preview } from "../../../../ledger/revocation/revoke.ts";
import { json } from "../../../answer.ts";
import { OPERATORS } from "../../../operator.ts";
import { problem } from "../../../problem.ts";
import { jsonAnswer, type OperatorRoute } from "../../../route.ts";
import { readOperatorBody } from "../operator-body.ts";
import { BODY_REASONS, type RevocationDeps } from "./revocation-route.ts";

/** `POST /revocations/preview`: how much a revocation would stop. */
export const previewRevocation: OperatorRoute<RevocationDeps> = {
  operationId: "previewRevocation",
  tag: "revocations",
  summary: "How much a revocation would stop now; nothing is changed",
  method: "POST",
  path: "/revocations/preview",
  access: "operator",
  roles: OPERATORS,
  body: { schema: SelectorBody, required: true, example: { run: "nightly-2026-11-28" } },
  answers: { 200: jsonAnswer("What it would stop.", ReachAnswer) },
  reasons: [...BODY_REASONS, "selector_invalid", "store_unavailable"],
  handle: async ({ revocation }, { incoming }) => {
    if (revocation === undefined) return problem("ledger_off");
    const read = await readOperatorBody(incoming, SelectorBody);
    if (read.kind === "problem") return read.problem;
    const selector = selectorIn(read.body);
    if (selector === undefined) return problem("selector_invalid");
    const { tokens, agents } = await preview(revocation.store, selector);
    return json(200, { tokens, agents });
  },
};

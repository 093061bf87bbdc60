import { PreviewAnswer, PreviewBody, selectorIn } from "../../../../ledger/revocation/operator-shapes.ts";
import { preview } from "../../../../ledger/revocation/revoke.ts";
import { json } from "../../../answer.ts";
import { OPERATORS } from "../../../operator.ts";
import { problem } from "../../../problem.ts";
import { jsonAnswer, type OperatorRoute } from "../../../route.ts";
import { readOperatorBody } from "../operator-body.ts";
import { previewKey } from "./preview-key.ts";
import { BODY_REASONS, type RevocationDeps } from "./revocation-route.ts";

/** `POST /revocations/preview`: how much a revocation would stop. */
export const previewRevocation: OperatorRoute<RevocationDeps> = {
  operationId: "previewRevocation",
  tag: "revocations",
  summary:
    "How much a revocation would stop now, and what that of a key would do to the JWKS; nothing is changed",
  method: "POST",
  path: "/revocations/preview",
  access: "operator",
  roles: OPERATORS,
  body: { schema: PreviewBody, required: true, example: { run: "nightly-2026-11-28" } },
  answers: { 200: jsonAnswer("What it would do.", PreviewAnswer) },
  reasons: [...BODY_REASONS, "selector_invalid", "store_unavailable"],
  handle: async ({ revocation, managed }, { incoming }) => {
    if (revocation === undefined) return problem("ledger_off");
    const read = await readOperatorBody(incoming, PreviewBody);
    if (read.kind === "problem") return read.problem;
    const { accept, ...selecting } = read.body;
    const selector = selectorIn(selecting);
    if (selector === undefined) return problem("selector_invalid");
    const { tokens, agents } = await preview(revocation.store, selector);
    const key =
      selector.kind === "kid" && managed !== undefined
        ? await previewKey(managed, selector.kid, new Set(accept))
        : undefined;
    return json(200, { tokens, agents, key: key ?? null });
  },
};

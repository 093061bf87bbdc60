import { z } from "zod";
import { printable } from "../../../../kernel/printable.ts";
import { RevocationAnswer, UndoBody } from "../../../../ledger/revocation/operator-shapes.ts";
import { undo } from "../../../../ledger/revocation/revoke.ts";
import { json } from "../../../answer.ts";
import { OPERATORS } from "../../../operator.ts";
import { problem } from "../../../problem.ts";
import { jsonAnswer, type OperatorRoute } from "../../../route.ts";
import { actorOf } from "../key-operation.ts";
import { readOperatorBody } from "../operator-body.ts";
import { BODY_REASONS, type RevocationDeps, revokedBy } from "./revocation-route.ts";

/** `POST /revocations/{epoch}/undo`: takes a revocation back. */
export const undoRevocation: OperatorRoute<RevocationDeps> = {
  operationId: "undoRevocation",
  tag: "revocations",
  summary: "Take a revocation back: its tokens are valid again until they expire",
  description:
    "What another revocation stops too stays stopped. A key that left the JWKS does not come back. The undoing is recorded as the revocation was.",
  method: "POST",
  path: "/revocations/{epoch}/undo",
  access: "operator",
  roles: OPERATORS,
  params: { path: z.object({ epoch: z.string().meta({ description: "The number of the revocation." }) }) },
  body: { schema: UndoBody, required: true, example: { reason: "it was another agent" } },
  answers: { 200: jsonAnswer("It is taken back; `epoch` is the number of the undoing.", RevocationAnswer) },
  reasons: [...BODY_REASONS, "revocation_unknown", "revocation_unavailable"],
  handle: async (deps, exchange, operator) => {
    const { revocation, log, metrics } = deps;
    if (revocation === undefined) return problem("ledger_off");
    const read = await readOperatorBody(exchange.incoming, UndoBody);
    if (read.kind === "problem") return read.problem;
    const given = exchange.params["epoch"] ?? "";
    if (!/^[1-9][0-9]{0,14}$/.test(given)) return problem("revocation_unknown");
    const reason = printable(read.body.reason);
    const outcome = await undo(revocation, Number(given), revokedBy(deps, exchange, operator), reason);
    if (outcome.kind === "unavailable") return problem("revocation_unavailable");
    if (outcome.kind === "unknown") return problem("revocation_unknown");
    const { epoch, tokens, agents } = outcome;
    metrics.revocation("undo");
    const logged = { undoes: Number(given), epoch, tokens, agents, why: reason, ...actorOf(operator) };
    log.warn({ event: "revocation_undone", ...logged, request_id: exchange.requestId });
    return json(200, { epoch, tokens, agents });
  },
};

import { printable } from "../../../../kernel/printable.ts";
import { isServed } from "../../../../keys/managed/managed-key.ts";
import { OperationAnswer } from "../../../../keys/managed/operator-shapes.ts";
import type { Acceptance } from "../../../../keys/managed/plan/plan-operation.ts";
import {
  RevocationAnswer,
  RevocationBody,
  selectorIn,
} from "../../../../ledger/revocation/operator-shapes.ts";
import { type RevokeDeps, revoke } from "../../../../ledger/revocation/revoke.ts";
import { type Selector, subjectOf } from "../../../../ledger/revocation/selector.ts";
import { type Answer, json } from "../../../answer.ts";
import { OPERATORS, type Operator } from "../../../operator.ts";
import { type Problem, problem } from "../../../problem.ts";
import { type Exchange, jsonAnswer, type OperatorRoute } from "../../../route.ts";
import { actorOf, carryOut } from "../key-operation.ts";
import { readOperatorBody } from "../operator-body.ts";
import { BODY_REASONS, type RevocationDeps, revokedBy } from "./revocation-route.ts";

/** `POST /revocations`: stops what a selector names, and everything under it. */
export const makeRevocation: OperatorRoute<RevocationDeps> = {
  operationId: "revoke",
  tag: "revocations",
  summary: "Stop one token, a tree, a run, or all tokens of a sender, a caller or a key",
  description:
    "Everything under what is named is stopped too. The answer comes when the revocation is stored: one second later no replica calls one of the tokens active. Twice gives the same answer. A key also leaves the JWKS, as by `POST /keys/revoke`.",
  method: "POST",
  path: "/revocations",
  access: "operator",
  roles: OPERATORS,
  body: {
    schema: RevocationBody,
    required: true,
    example: { sender: "agent://planner", reason: "its machine was stolen" },
  },
  answers: {
    200: jsonAnswer("It is stored, and in force on this replica.", RevocationAnswer),
    409: jsonAnswer("Of a key: nothing was done, because it would cause an outage.", OperationAnswer),
  },
  reasons: [...BODY_REASONS, "selector_invalid", "revocation_unavailable", "store_rejected"],
  handle: async (deps, exchange, operator) => {
    const { revocation } = deps;
    if (revocation === undefined) return problem("ledger_off");
    const read = await readOperatorBody(exchange.incoming, RevocationBody);
    if (read.kind === "problem") return read.problem;
    const { reason, accept, ...selecting } = read.body;
    const selector = selectorIn(selecting);
    if (selector === undefined) return problem("selector_invalid");
    if (selector.kind === "kid" && operator.role !== "security") return problem("role_insufficient");
    const order = { deps, revocation, exchange, operator, selector, reason: printable(reason) };
    return (await dropKey(order, accept)) ?? (await stop(order));
  },
};

interface Order {
  readonly deps: RevocationDeps;
  readonly revocation: RevokeDeps;
  readonly exchange: Exchange;
  readonly operator: Operator;
  readonly selector: Selector;
  readonly reason: string;
}

/** Takes a key out of the JWKS; the answer when that is rejected, and then nothing is stopped. */
async function dropKey(
  { deps, exchange: { requestId }, operator, selector, reason }: Order,
  accept: readonly Acceptance[],
): Promise<Answer | Problem | undefined> {
  const { managed } = deps;
  if (selector.kind !== "kid" || managed === undefined) return undefined;
  const { kid } = selector;
  const { keys } = await managed.store.load();
  // One that is gone already signed what is stopped all the same.
  if (!keys.some((key) => key.kid === kid && isServed(key))) return undefined;
  const answer = await carryOut(deps, managed, { kind: "revoke", kid, reason }, new Set(accept), {
    operation: "revoke",
    ...actorOf(operator),
    request_id: requestId,
  });
  return "reason" in answer || answer.status !== 200 ? answer : undefined;
}

async function stop({
  deps,
  revocation,
  exchange,
  operator,
  selector,
  reason,
}: Order): Promise<Answer | Problem> {
  const outcome = await revoke(revocation, selector, revokedBy(deps, exchange, operator), reason);
  if (outcome.kind === "unavailable") return problem("revocation_unavailable");
  const { epoch, tokens, agents } = outcome;
  deps.metrics.revocation(selector.kind);
  deps.log.warn({
    event: "revocation",
    door: selector.kind,
    subject: printable(subjectOf(selector)),
    epoch,
    tokens,
    agents,
    why: reason,
    ...actorOf(operator),
    request_id: exchange.requestId,
  });
  return json(200, { epoch, tokens, agents });
}

import { testReceiver } from "../../../../events/operate-events.ts";
import { faultLine, TestAnswer, TestBody } from "../../../../events/operator-shapes.ts";
import { json } from "../../../answer.ts";
import { OPERATORS } from "../../../operator.ts";
import { problem } from "../../../problem.ts";
import { jsonAnswer, type OperatorRoute } from "../../../route.ts";
import { actorOf } from "../key-operation.ts";
import { readOperatorBody } from "../operator-body.ts";
import { BODY_REASONS, type EventsDeps } from "./events-route.ts";

/** `POST /events/test`: sends a receiver an event that means nothing. */
export const testEventReceiver: OperatorRoute<EventsDeps> = {
  operationId: "testEventReceiver",
  tag: "events",
  summary: "Send a receiver a verification event now, once, and see what it answers",
  method: "POST",
  path: "/events/test",
  access: "operator",
  roles: OPERATORS,
  body: { schema: TestBody, required: true, example: { receiver: "orchestrator" } },
  answers: { 200: jsonAnswer("What came of it.", TestAnswer) },
  reasons: BODY_REASONS,
  handle: async ({ events, log }, { incoming, requestId }, operator) => {
    if (events === undefined) return problem("events_off");
    const read = await readOperatorBody(incoming, TestBody);
    if (read.kind === "problem") return read.problem;
    const { receiver } = read.body;
    const outcome = await testReceiver(events, receiver);
    if (outcome.kind === "unknown") return problem("receiver_unknown");
    const answer = { is_delivered: outcome.fault === undefined, ...faultLine(outcome.fault) };
    log.info({ event: "event_tested", receiver, ...answer, ...actorOf(operator), request_id: requestId });
    return json(200, answer);
  },
};

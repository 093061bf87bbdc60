import { replayDead } from "../../../../events/operate-events.ts";
import { faultLine, ReplayAnswer, ReplayBody } from "../../../../events/operator-shapes.ts";
import { json } from "../../../answer.ts";
import { OPERATORS } from "../../../operator.ts";
import { problem } from "../../../problem.ts";
import { jsonAnswer, type OperatorRoute } from "../../../route.ts";
import { actorOf } from "../key-operation.ts";
import { readOperatorBody } from "../operator-body.ts";
import { BODY_REASONS, type EventsDeps } from "./events-route.ts";

/** `POST /events/replay`: sends dead letters again. */
export const replayDeadEvents: OperatorRoute<EventsDeps> = {
  operationId: "replayDeadEvents",
  tag: "events",
  summary: "Send the events that were given up again, the oldest first, until one fails",
  description:
    "They arrive after events that happened later; the number of the revocation says which is which. Ask again while `left` is not 0 and `fault` is null.",
  method: "POST",
  path: "/events/replay",
  access: "operator",
  roles: OPERATORS,
  body: { schema: ReplayBody, required: true, example: { receiver: "orchestrator" } },
  answers: { 200: jsonAnswer("What was sent.", ReplayAnswer) },
  reasons: BODY_REASONS,
  handle: async ({ events, log }, { incoming, requestId }, operator) => {
    if (events === undefined) return problem("events_off");
    const read = await readOperatorBody(incoming, ReplayBody);
    if (read.kind === "problem") return read.problem;
    const { receiver, limit } = read.body;
    const outcome = await replayDead(events, receiver, limit);
    if (outcome.kind === "unknown") return problem("receiver_unknown");
    const { replayed, left, fault } = outcome;
    const answer = { replayed, left, ...faultLine(fault) };
    log.info({ event: "events_replayed", receiver, ...answer, ...actorOf(operator), request_id: requestId });
    return json(200, answer);
  },
};

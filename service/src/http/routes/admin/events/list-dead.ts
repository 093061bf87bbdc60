import { afterIn, afterText, DeadQuery, DeadReport, deadLine } from "../../../../events/operator-shapes.ts";
import { json } from "../../../answer.ts";
import { VIEWERS } from "../../../operator.ts";
import { problem } from "../../../problem.ts";
import { jsonAnswer, type OperatorRoute } from "../../../route.ts";
import { queryOf } from "../ledger/query.ts";
import type { EventsDeps } from "./events-route.ts";

const PAGE = 100;

/** `GET /events/dead`: the events that were given up. */
export const listDeadEvents: OperatorRoute<EventsDeps> = {
  operationId: "listDeadEvents",
  tag: "events",
  summary: "The events that were given up, by receiver, the oldest first",
  method: "GET",
  path: "/events/dead",
  access: "operator",
  roles: VIEWERS,
  params: { query: DeadQuery },
  answers: { 200: jsonAnswer("At most a hundred.", DeadReport) },
  reasons: ["events_off", "question_invalid", "store_unavailable"],
  handle: async ({ events }, { incoming }) => {
    if (events === undefined) return problem("events_off");
    const query = queryOf(DeadQuery, incoming.url);
    if (query === undefined) return problem("question_invalid");
    const after = query.after === undefined ? undefined : afterIn(query.after);
    const dead = await events.cursors.dead(query.receiver, after, PAGE);
    const last = dead.length < PAGE ? undefined : dead.at(-1);
    return json(200, { dead: dead.map(deadLine), next: last === undefined ? null : afterText(last) });
  },
};

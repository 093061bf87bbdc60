import { listReceivers } from "../../../../events/operate-events.ts";
import { ReceiversReport, receiverLine } from "../../../../events/operator-shapes.ts";
import { json } from "../../../answer.ts";
import { VIEWERS } from "../../../operator.ts";
import { problem } from "../../../problem.ts";
import { jsonAnswer, type OperatorRoute } from "../../../route.ts";
import type { EventsDeps } from "./events-route.ts";

/** `GET /events`: who is sent events, and how far each receiver is. */
export const listEventReceivers: OperatorRoute<EventsDeps> = {
  operationId: "listEventReceivers",
  tag: "events",
  summary: "Who is sent events, how far each receiver is, and why one is not",
  method: "GET",
  path: "/events",
  access: "operator",
  roles: VIEWERS,
  answers: { 200: jsonAnswer("All receivers, by name.", ReceiversReport) },
  reasons: ["events_off", "store_unavailable"],
  handle: async ({ events }) => {
    if (events === undefined) return problem("events_off");
    return json(200, { receivers: (await listReceivers(events)).map(receiverLine) });
  },
};

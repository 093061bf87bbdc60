import { z } from "zod";
import { json } from "../answer.ts";
import { jsonAnswer, type OpenRoute } from "../route.ts";

const HealthBody = z.strictObject({ ok: z.literal(true) }).meta({ id: "Health" });
const OK = json(200, { ok: true });

/** `GET /healthz`: the process answers. Says nothing of its parts; those are for the admin listener. */
export const health: OpenRoute<unknown> = {
  operationId: "getHealth",
  tag: "health",
  summary: "Whether the process answers",
  method: "GET",
  path: "/healthz",
  access: "anyone",
  answers: { 200: jsonAnswer("The process answers.", HealthBody) },
  reasons: [],
  handle: () => OK,
};

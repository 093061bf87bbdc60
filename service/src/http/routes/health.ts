import { z } from "zod";
import { json } from "../answer.ts";

/** The body of `GET /healthz`. */
export const HealthBody = z.strictObject({ ok: z.literal(true) }).meta({ id: "Health" });

/** `GET /healthz`: the process answers. Says nothing of its parts; those are for the admin listener. */
export const health = json(200, { ok: true });

import { z } from "zod";
import { reportOf } from "../../../keys/managed/key-report.ts";
import { KeysReport } from "../../../keys/managed/operator-shapes.ts";
import { json } from "../../answer.ts";
import { worded } from "../../operation-words.ts";
import { VIEWERS } from "../../operator.ts";
import { problem } from "../../problem.ts";
import { jsonAnswer, type OperatorRoute } from "../../route.ts";
import type { ManagedParts } from "./key-operation.ts";

export interface ListKeysDeps {
  readonly managed: ManagedParts | undefined;
}

/** `GET /keys`: the keys, what they do and what happens next; with `?all=true` also those that are no longer served. */
export const listKeys: OperatorRoute<ListKeysDeps> = {
  operationId: "listKeys",
  tag: "keys",
  summary: "The keys, what each does, and what happens next",
  method: "GET",
  path: "/keys",
  access: "operator",
  roles: VIEWERS,
  params: {
    query: z.object({
      all: z.literal("true").optional().meta({ description: "Include keys that are no longer served." }),
    }),
  },
  answers: { 200: jsonAnswer("The key set.", KeysReport) },
  reasons: ["keys_given"],
  handle: async ({ managed }, { incoming }) => {
    if (managed === undefined) return problem("keys_given");
    const all = /[?&]all=true(?:&|$)/.test(incoming.url ?? "");
    return json(200, worded(reportOf(await managed.store.load(), managed.rules, all)));
  },
};

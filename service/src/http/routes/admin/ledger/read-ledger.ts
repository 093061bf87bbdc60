import type { z } from "zod";
import type { AskDeps } from "../../../../ledger/questions/ask.ts";
import type { Log } from "../../../../telemetry/log.ts";
import { json } from "../../../answer.ts";
import { VIEWERS } from "../../../operator.ts";
import { type Problem, problem, type Reason } from "../../../problem.ts";
import { type AnswerFacts, jsonAnswer, type OperatorRoute } from "../../../route.ts";
import { actorOf } from "../key-operation.ts";
import { queryOf } from "./query.ts";

export interface ReadLedgerDeps {
  /** `undefined`: nothing is recorded. */
  readonly reading: AskDeps | undefined;
  readonly log: Log;
}

interface LedgerQuestion<Query extends z.ZodObject> {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly path: `/${string}`;
  readonly query: Query;
  readonly pathParams?: z.ZodObject;
  readonly answer: { readonly description: string; readonly schema: z.ZodType };
  readonly reasons?: readonly Reason[];
  readonly ask: (
    deps: AskDeps,
    query: z.output<Query>,
    params: Readonly<Record<string, string>>,
  ) => Promise<object | Problem>;
}

/** `GET /ledger/…`: a question to the ledger. Who asked it, and what, goes to the log. */
export function ledgerQuestion<Query extends z.ZodObject>({
  query: shape,
  pathParams,
  answer,
  reasons = [],
  ask,
  ...facts
}: LedgerQuestion<Query>): OperatorRoute<ReadLedgerDeps> {
  const answers: Readonly<Record<number, AnswerFacts>> = {
    200: jsonAnswer(answer.description, answer.schema),
  };
  return {
    ...facts,
    tag: "ledger",
    method: "GET",
    access: "operator",
    roles: VIEWERS,
    params: { query: shape, ...(pathParams && { path: pathParams }) },
    answers,
    reasons: ["ledger_off", "question_invalid", ...reasons],
    handle: async ({ reading, log }, { incoming, params, requestId }, operator) => {
      if (reading === undefined) return problem("ledger_off");
      const query = queryOf(shape, incoming.url);
      if (query === undefined) return problem("question_invalid");
      const found = await ask(reading, query, params);
      if ("reason" in found && "status" in found) return found;
      const { operationId: question } = facts;
      log.info({
        event: "ledger_read",
        question,
        ...params,
        asked: query,
        ...actorOf(operator),
        request_id: requestId,
      });
      return json(200, found);
    },
  };
}

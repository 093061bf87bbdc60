import { LiveAnswer } from "../../../../ledger/questions/answers.ts";
import { askLive } from "../../../../ledger/questions/ask.ts";
import { holderOf, LiveQuery } from "../../../../ledger/questions/queries.ts";
import { problem } from "../../../problem.ts";
import { ledgerQuestion } from "./read-ledger.ts";

/** `GET /ledger/live`: who can act right now. */
export const listLiveTokens = ledgerQuestion({
  operationId: "listLiveTokens",
  summary: "The tokens of a sender, a caller or a run that are live: not expired and not revoked",
  description: "Exactly one of `sender`, `caller` and `run`. Pages as `GET /ledger/entries`.",
  path: "/ledger/live",
  query: LiveQuery,
  answer: { description: "A page of live tokens.", schema: LiveAnswer },
  ask: async (deps, query) => {
    const holder = holderOf(query);
    return holder === undefined ? problem("question_invalid") : askLive(deps, holder, query);
  },
});

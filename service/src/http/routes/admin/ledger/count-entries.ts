import { CountsAnswer } from "../../../../ledger/questions/answers.ts";
import { askCounts } from "../../../../ledger/questions/ask.ts";
import { CountsQuery } from "../../../../ledger/questions/queries.ts";
import { problem } from "../../../problem.ts";
import { ledgerQuestion } from "./read-ledger.ts";

/** `GET /ledger/counts`: how many entries there are over time. */
export const countEntries = ledgerQuestion({
  operationId: "countLedgerEntries",
  summary: "How many entries there are, by hour or day, by kind and caller",
  description:
    "Without `from` and `to`: the last day by hour, the last 30 days by day. At most 31 days by hour and 366 days by day.",
  path: "/ledger/counts",
  query: CountsQuery,
  answer: { description: "The newest first.", schema: CountsAnswer },
  ask: async (deps, query) => (await askCounts(deps, query)) ?? problem("question_invalid"),
});

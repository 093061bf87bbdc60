import { z } from "zod";
import { LineageAnswer } from "../../../../ledger/questions/answers.ts";
import { askLineage } from "../../../../ledger/questions/ask.ts";
import { problem } from "../../../problem.ts";
import { ledgerQuestion } from "./read-ledger.ts";

/** `GET /ledger/lineage/{jti}`: where a token comes from, and what stands under it. */
export const showLineage = ledgerQuestion({
  operationId: "showLineage",
  summary: "Where a token comes from, and all tokens under it",
  description:
    "From the top down to the token, then the tree under it, each token before its children. At most 1,000 tokens, 32 deep and 100 next to each other; `cut` says when there are more.",
  path: "/ledger/lineage/{jti}",
  query: z.strictObject({}),
  pathParams: z.object({ jti: z.string().meta({ description: "The id of the token." }) }),
  answer: { description: "Its lineage.", schema: LineageAnswer },
  reasons: ["token_unknown"],
  ask: async (deps, _query, { jti = "" }) => {
    const isId = /^[\x21-\x7e]{1,256}$/.test(jti);
    return (isId ? await askLineage(deps, jti) : undefined) ?? problem("token_unknown");
  },
});

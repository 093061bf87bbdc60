import { TokensAnswer } from "../../../../ledger/questions/answers.ts";
import { askToken } from "../../../../ledger/questions/ask.ts";
import { DigestQuery } from "../../../../ledger/questions/queries.ts";
import { ledgerQuestion } from "./read-ledger.ts";

/** `GET /ledger/tokens?digest=`: which token a text is, without the text. */
export const findToken = ledgerQuestion({
  operationId: "findToken",
  summary: "The token with this digest, and whether it is live",
  path: "/ledger/tokens",
  query: DigestQuery,
  answer: { description: "The token, if this service issued it.", schema: TokensAnswer },
  ask: (deps, { digest }) => askToken(deps, digest),
});

import { EntriesAnswer } from "../../../../ledger/questions/answers.ts";
import { askEntries } from "../../../../ledger/questions/ask.ts";
import { EntriesQuery } from "../../../../ledger/questions/queries.ts";
import { ledgerQuestion } from "./read-ledger.ts";

/** `GET /ledger/entries`: what was issued, rejected and revoked. */
export const listEntries = ledgerQuestion({
  operationId: "listLedgerEntries",
  summary: "What was issued, rejected and revoked, the newest first",
  description:
    "Entries that match every member of the query. A page is also bounded in its work: it may have fewer entries than asked for, or none, while `next` names a next page.",
  path: "/ledger/entries",
  query: EntriesQuery,
  answer: { description: "A page of entries.", schema: EntriesAnswer },
  ask: askEntries,
});

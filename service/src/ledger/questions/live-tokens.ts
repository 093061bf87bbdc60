import { type EpochSeconds, epochSeconds } from "../../kernel/clock.ts";
import { type Jti, parseJti, parseKid, parseSender } from "../../kernel/ids.ts";
import type { TokenFacts } from "../ledger.ts";
import type { StoredEntry } from "../ledger-store.ts";
import type { Holder, LedgerQuestions, Page, PageAsked } from "./ledger-questions.ts";
import { type EntryRecord, recordOf, textOf } from "./record.ts";

/** The tokens of a sender, a caller or a run that a verifier would accept now: not ended, and not revoked. */
export async function liveTokens(
  questions: LedgerQuestions,
  isStopped: (token: TokenFacts) => boolean,
  holder: Holder,
  now: EpochSeconds,
  page: PageAsked,
): Promise<Page<StoredEntry>> {
  const { items, next } = await questions.unexpired(holder, now, page);
  return {
    items: items.filter((entry) => {
      const token = tokenOf(recordOf(entry));
      return token === undefined || !isStopped(token);
    }),
    next,
  };
}

/** What decides whether a token is stopped, from its record; `undefined`: the record was changed and is none of a token. */
export function tokenOf(record: EntryRecord): TokenFacts | undefined {
  const iat = record["iat"];
  const [jti, parent] = [idOf(record, "jti"), idOf(record, "parent")];
  const sub = parseSender(textOf(record, "sender") ?? "");
  const kid = parseKid(textOf(record, "kid") ?? "");
  if (jti === undefined || sub === undefined || kid === undefined || typeof iat !== "number")
    return undefined;
  const [run, caller] = [textOf(record, "run"), textOf(record, "caller")];
  return { jti, sub, kid, iat: epochSeconds(iat), parent, run, caller };
}

function idOf(record: EntryRecord, member: string): Jti | undefined {
  return parseJti(textOf(record, member) ?? "");
}

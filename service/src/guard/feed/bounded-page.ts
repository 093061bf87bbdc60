import type { RevocationChanges, RevocationRule } from "../../ledger/revocation/revocation-store.ts";

/** What the rules of one page may say: a subject may be as long as a token. */
export const RULE_CHARACTERS_MAX = 500_000;

/** A page that is not longer than this, and never without any progress: it ends after the last rule for which there is room. */
export function boundedPage(page: RevocationChanges, charactersMax: number): RevocationChanges {
  const kept = rulesWithin(page.rules, charactersMax);
  const last = kept.at(-1)?.epoch;
  if (last === undefined || kept.length === page.rules.length) return page;
  const tokens = page.tokens.filter(({ epoch }) => epoch <= last);
  const endsEarlier = page.next !== undefined && page.next.epoch <= last;
  return endsEarlier
    ? { ...page, rules: kept, tokens }
    : { ...page, epoch: last, rules: kept, tokens, next: { epoch: last + 1, jti: "" }, last: undefined };
}

function rulesWithin(rules: readonly RevocationRule[], charactersMax: number): readonly RevocationRule[] {
  let characters = 0;
  const end = rules.findIndex(({ subject }, index) => {
    characters += subject.length;
    return index > 0 && characters > charactersMax;
  });
  return end < 0 ? rules : rules.slice(0, end);
}

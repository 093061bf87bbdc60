import {
  type ChangesFrom,
  PUT_BACK,
  type RevocationChanges,
  type RevocationRule,
} from "../../../ledger/revocation/revocation-store.ts";
import { parseRows, type Query } from "../database.ts";
import { EndingRow, RULE_COLUMNS, RuleRow, TokenRow } from "./revocation-rows.ts";
import type { State } from "./revoked-tokens.ts";

/** Rows of each kind on a page. */
const PAGE_MAX = 5_000;

/**
 * A page of what still stands. Rules are the revocations that say more than their tokens do. A full page of rules ends the page at the
 * last of them, a full page of tokens at the last token.
 */
export async function changesFrom(
  query: Query,
  from: ChangesFrom,
  state: Pick<State, "epoch" | "last" | "now">,
): Promise<RevocationChanges> {
  const { epoch, now } = state;
  if (!(await knows(query, from, state))) return PUT_BACK;
  if (from.epoch > epoch) return { epoch, rules: [], tokens: [], next: undefined, last: state.last };
  const rules = await rulesFrom(query, from, now);
  const last = rules.length < PAGE_MAX ? epoch : (rules.at(-1)?.epoch ?? epoch);
  const tokens = parseRows(
    TokenRow,
    "revoked_tokens",
    await query(
      `SELECT epoch, jti, stops_until AS until FROM revoked_tokens
       WHERE (epoch, jti) > ($1, $2) AND epoch <= $3 AND stops_until > $4 ORDER BY epoch, jti LIMIT ${String(PAGE_MAX)}`,
      [from.epoch, from.jti, last, now],
    ),
  );
  const end = tokens.at(-1);
  if (tokens.length === PAGE_MAX && end !== undefined)
    return { epoch: end.epoch - 1, rules, tokens, next: { epoch: end.epoch, jti: end.jti } };
  return last < epoch
    ? { epoch: last, rules, tokens, next: { epoch: last + 1, jti: "" } }
    : { epoch, rules, tokens, next: undefined, last: state.last };
}

/** Whether what the reader has read last is here: a failover may have lost it, and another one has its number. */
async function knows(
  query: Query,
  { epoch, after }: ChangesFrom,
  state: Pick<State, "epoch" | "last">,
): Promise<boolean> {
  // Fewer than the reader knows: the answer says so.
  if (after === undefined || epoch - 1 > state.epoch) return true;
  if (epoch - 1 === state.epoch) return after === state.last;
  return (
    (await query("SELECT 1 AS known FROM revocations WHERE epoch = $1 AND id = $2", [epoch - 1, after]))
      .length > 0
  );
}

const STANDING = `epoch >= $1 AND ended_by IS NULL AND stops_until > $2`;

async function rulesFrom(
  query: Query,
  from: ChangesFrom,
  now: State["now"],
): Promise<readonly RevocationRule[]> {
  const rules = parseRows(
    RuleRow,
    "revocations",
    await query(
      `SELECT ${RULE_COLUMNS} FROM revocations WHERE ${STANDING} AND (kind NOT IN ('jti', 'root') OR ends IS NOT NULL)
       ORDER BY epoch LIMIT ${String(PAGE_MAX)}`,
      [from.epoch, now],
    ),
  );
  const last = rules.at(-1);
  if (last === undefined || rules.every(({ ends }) => ends === undefined)) return rules.map(endingNothing);
  const ended = await endedSince(query, from, last.epoch, now);
  return rules.map((rule) => ({ ...rule, ends: ended.get(rule.epoch) ?? [] }));
}

/** By what stands in these epochs: what it ended, and what that one had ended, and so on. */
async function endedSince(
  query: Query,
  from: ChangesFrom,
  last: number,
  now: State["now"],
): Promise<ReadonlyMap<number, readonly number[]>> {
  const rows = parseRows(
    EndingRow,
    "revocations",
    await query(
      `WITH RECURSIVE endings (by_epoch, ended) AS (
         SELECT epoch, ends FROM revocations WHERE ${STANDING} AND epoch <= $3 AND ends IS NOT NULL
         UNION ALL
         SELECT e.by_epoch, r.ends FROM endings e JOIN revocations r ON r.epoch = e.ended WHERE r.ends IS NOT NULL
       ) SELECT by_epoch AS by, ended FROM endings`,
      [from.epoch, now, last],
    ),
  );
  const ended = new Map<number, number[]>();
  for (const row of rows) {
    const known = ended.get(row.by);
    if (known === undefined) ended.set(row.by, [row.ended]);
    else known.push(row.ended);
  }
  return ended;
}

function endingNothing(rule: Omit<RevocationRule, "ends">): RevocationRule {
  return { ...rule, ends: [] };
}

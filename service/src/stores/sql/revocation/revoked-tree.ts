import { asciiJson } from "../../../kernel/ascii.ts";
import type { EpochSeconds } from "../../../kernel/clock.ts";
import { indexKey } from "../../../ledger/entry-index.ts";
import { LEEWAY_SECONDS } from "../../../ledger/revocation/revocation-store.ts";
import type { Selector } from "../../../ledger/revocation/selector.ts";
import type { Parameter } from "../database.ts";
import { startOfHour } from "../ledger/hours.ts";

/** Where a store looks for what a selector stops. */
export interface Look {
  readonly now: EpochSeconds;
  /** The first hour with an entry of a token that a verifier may still accept. */
  readonly firstHour: number;
}

/** A part of a statement, and its parameters in their order. */
export interface Part {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
}

/** A condition that tells PostgreSQL which partitions there is nothing to look for in. */
export function sinceHour(column: string, { firstHour }: Pick<Look, "firstHour">): string {
  return `${column} >= ${String(firstHour)}`;
}

/**
 * `WITH RECURSIVE stopped (jti, sender, exp, own)`: the tokens that a selector names (`own` is 1) and all that stand under them, at any
 * depth. It walks through tokens that expired.
 */
export function stoppedTree(selector: Selector, look: Look): Part {
  const { sql, parameters } = named(selector, look);
  return {
    sql: `WITH RECURSIVE stopped (jti, sender, exp, own) AS (
        SELECT e.jti, e.sender, e.exp, 1 FROM ledger_entries e WHERE ${sql} AND e.kind = 'mint'
      UNION
        SELECT e.jti, e.sender, e.exp, 0 FROM stopped s
          JOIN ledger_entries e ON e.parent = s.jti AND ${sinceHour("e.hour", look)} AND e.kind = 'mint'
    )`,
    parameters,
  };
}

/** Whether a selector names the entry `e`. Of many tokens, those that expired are left out: a child does not outlive its parent. */
export function named(selector: Selector, look: Look): Part {
  const hours = sinceHour("e.hour", look);
  const since = `${hours} AND e.at_ms >= ${String(startOfHour(look.firstHour))}`;
  const live = `${since} AND e.exp > ${String(look.now - LEEWAY_SECONDS)}`;
  switch (selector.kind) {
    case "jti":
      return { sql: `e.jti = $1 AND ${hours}`, parameters: [selector.jti] };
    case "root": {
      const root = `SELECT r.root FROM ledger_entries r WHERE r.jti = $1 AND ${sinceHour("r.hour", look)} AND r.kind = 'mint' LIMIT 1`;
      return {
        sql: `e.jti = COALESCE((${root}), $2) AND ${hours}`,
        parameters: [selector.jti, selector.jti],
      };
    }
    case "run":
      return { sql: `e.run = $1 AND ${live}`, parameters: [indexKey(selector.run)] };
    case "caller":
      return { sql: `e.caller = $1 AND ${live}`, parameters: [indexKey(selector.caller)] };
    case "sender":
      return { sql: `e.sender = $1 AND ${live}`, parameters: [indexKey(selector.sender)] };
    case "kid":
      // A member of the record: within a text of it, these quotes would have a backslash. Both engines have `replace`.
      return {
        sql: `replace(e.body, $1, '') <> e.body AND ${live}`,
        parameters: [asciiJson(`"kid":${JSON.stringify(selector.kid)}`)],
      };
  }
}

import { z } from "zod";
import { after, type EpochSeconds, epochSeconds } from "../../../kernel/clock.ts";
import { StoreCorrupt } from "../../../kernel/store-faults.ts";
import { LEEWAY_SECONDS, type Reach } from "../../../ledger/revocation/revocation-store.ts";
import type { Selector } from "../../../ledger/revocation/selector.ts";
import { type Database, parseRows, type Query, Whole } from "../database.ts";
import { hourOf } from "../ledger/hours.ts";
import { storeNow } from "../store-now.ts";
import { type Look, named, sinceHour, stoppedTree } from "./revoked-tree.ts";

/** What a change starts from. */
export interface State extends Look {
  /** Of the last change. */
  readonly epoch: number;
  /** The id of the last change; none: there was none. */
  readonly last: string | undefined;
  /** Of the tokens that this process issues. */
  readonly lifeSecondsMax: number;
}

const StateRow = z.object({ epoch: Whole, last: z.string().nullable(), firstHour: Whole.nullable() });
const ReachRow = z.object({ tokens: Whole, agents: Whole });
const LastRow = z.object({ recorded: Whole.nullable(), exp: Whole.nullable() });

const STATE = "revocation_state";

/** What is there now. */
export async function stateOf(database: Database, query: Query, lifeSecondsMax: number): Promise<State> {
  const now = await storeNow(database, query, STATE);
  const live = hourOf((now - LEEWAY_SECONDS) * 1_000);
  const rows = await query(
    `SELECT epoch, (SELECT id FROM revocations r WHERE r.epoch = ${STATE}.epoch) AS last, (SELECT min(hour) FROM ledger_counts WHERE until_hour >= $1) AS "firstHour" FROM ${STATE} WHERE id = 1`,
    [live],
  );
  const [state] = parseRows(StateRow, STATE, rows);
  if (state === undefined) throw new StoreCorrupt({ what: "row_missing", table: STATE });
  const { epoch, last, firstHour } = state;
  const thisHour = hourOf(now * 1_000);
  return {
    now,
    epoch,
    last: last ?? undefined,
    lifeSecondsMax,
    firstHour: Math.min(firstHour ?? thisHour, thisHour),
  };
}

/** How much a selector stops, of what has not expired. */
export async function reachOf(query: Query, selector: Selector, look: Look): Promise<Reach> {
  const tree = stoppedTree(selector, look);
  const rows = await query(
    `${tree.sql} SELECT count(DISTINCT jti) AS tokens, count(DISTINCT sender) AS agents FROM stopped WHERE exp > ${String(look.now)}`,
    tree.parameters,
  );
  return parseRows(ReachRow, "ledger_entries", rows)[0] ?? { tokens: 0, agents: 0 };
}

/** Lists what is stopped by its id. Tokens of a sender or a key are known by what stands in them; what stands under them is not. */
export async function listTokens(
  query: Query,
  selector: Selector,
  state: State,
  epoch: number,
): Promise<void> {
  const tree = stoppedTree(selector, state);
  const isKnown = selector.kind === "sender" || selector.kind === "kid";
  await query(
    `${tree.sql} INSERT INTO revoked_tokens (epoch, jti, stops_until)
     SELECT ${String(epoch)}, jti, exp + ${String(LEEWAY_SECONDS)} FROM stopped WHERE exp > ${String(state.now - LEEWAY_SECONDS)}
     GROUP BY jti, exp ${isKnown ? "HAVING max(own) = 0" : ""}`,
    tree.parameters,
  );
  if (selector.kind !== "jti" && selector.kind !== "root") return;
  // One that the ledger does not know, because it was off or lost it, is stopped too.
  const known = await query(
    `SELECT 1 AS known FROM ledger_entries WHERE jti = $1 AND ${sinceHour("hour", state)} AND kind = 'mint'`,
    [selector.jti],
  );
  if (known.length > 0) return;
  await query("INSERT INTO revoked_tokens (epoch, jti, stops_until) VALUES ($1, $2, $3)", [
    epoch,
    selector.jti,
    endOf(state.now, state),
  ]);
}

/** The last of what a selector names or lists. */
interface Last {
  /** When the newest token was recorded: the clock of its replica may be ahead. */
  readonly recorded: EpochSeconds;
  /** When the longest-lived one expires. */
  readonly exp: EpochSeconds;
}

/** When the newest of the tokens that a selector names was recorded, and when the longest-lived expires. */
export async function lastOf(query: Query, selector: Selector, look: Look, epoch: number): Promise<Last> {
  const { sql, parameters } = named(selector, look);
  const [own] = parseRows(
    LastRow,
    "ledger_entries",
    await query(
      `SELECT max(e.at_ms) AS recorded, max(e.exp) AS exp FROM ledger_entries e WHERE ${sql} AND e.kind = 'mint'`,
      parameters,
    ),
  );
  const [listed] = parseRows(
    LastRow,
    "revoked_tokens",
    await query("SELECT NULL AS recorded, max(stops_until) AS exp FROM revoked_tokens WHERE epoch = $1", [
      epoch,
    ]),
  );
  return {
    recorded: epochSeconds((own?.recorded ?? 0) / 1_000),
    exp: epochSeconds(Math.max(own?.exp ?? 0, listed?.exp ?? 0)),
  };
}

/** When a verifier accepts none of the tokens any longer that this process issued until a moment. */
export function endOf(moment: EpochSeconds, { lifeSecondsMax }: State): EpochSeconds {
  return after(moment, lifeSecondsMax + LEEWAY_SECONDS);
}

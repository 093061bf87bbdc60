import { Impossible } from "../../../kernel/assert.ts";
import { after, type EpochSeconds, epochMs, latest } from "../../../kernel/clock.ts";
import { indexKey } from "../../../ledger/entry-index.ts";
import {
  type Issuance,
  LEEWAY_SECONDS,
  NEVER,
  type RevocationOrder,
  type RevocationStore,
  type StoredRevocation,
} from "../../../ledger/revocation/revocation-store.ts";
import { type Selector, subjectOf } from "../../../ledger/revocation/selector.ts";
import { type Database, type Parameter, parseRows, type Query } from "../database.ts";
import { fileTail, fileWhole } from "../ledger/tail.ts";
import { changesFrom } from "./revocation-changes.ts";
import {
  EndedRow,
  IssuanceRow,
  insertRevocation,
  REVOCATION_COLUMNS,
  RevocationRow,
  StandingRow,
} from "./revocation-rows.ts";
import { endOf, lastOf, listTokens, reachOf, type State, stateOf } from "./revoked-tokens.ts";

const TABLE = "revocations";
/** Rows of one sweep: more would hold up what waits for the table. */
const SWEEP_MAX = 5_000;

/**
 * What is revoked, in a database. A revocation holds the ledger alone: every batch was committed before it, and is searched, or sees its
 * epoch. `lifeSecondsMax`: of the tokens that this process issues.
 */
export function sqlRevocations(database: Database, lifeSecondsMax: number): RevocationStore {
  const state = (query: Query) => stateOf(database, query, lifeSecondsMax);
  const alone = (order: RevocationOrder, change: Change) => changed(database, order, state, change);
  return {
    async revoke(selector, order) {
      const made = await alone(order, (query, before) => stop(query, selector, order, before));
      if (made === undefined) throw new Impossible("a revocation is always made");
      return made;
    },
    undo: (epoch, order) => alone(order, (query, before) => takeBack(query, epoch, order, before)),
    async preview(selector) {
      await fileTail(database);
      return database.read(async (query) => reachOf(query, selector, await state(query)), { isLong: true });
    },
    standing: (selector) => database.read((query) => standingIn(query, selector)),
    changes: (from) => database.read(async (query) => changesFrom(query, from, await state(query))),
    list: (before, limit) =>
      database.read((query) => {
        const where = before === undefined ? "" : `WHERE epoch < ${String(before)}`;
        return revocations(query, `${where} ORDER BY epoch DESC LIMIT $1`, limit);
      }),
    async issuanceOf(jti) {
      const filed = await database.read((query) => issuanceIn(query, jti));
      if (filed !== undefined) return filed;
      await fileTail(database);
      return database.read((query) => issuanceIn(query, jti));
    },
    prune: (now) =>
      database.write(async (query) => {
        const until = Math.min(now, (await state(query)).now);
        const left = `SELECT epoch, jti FROM revoked_tokens WHERE stops_until <= ${String(until)} LIMIT ${String(SWEEP_MAX)}`;
        const sql = `DELETE FROM revoked_tokens WHERE (epoch, jti) IN (${left}) RETURNING 1 AS gone`;
        return (await query(sql)).length;
      }),
  };
}

async function issuanceIn(query: Query, jti: string): Promise<Issuance | undefined> {
  const sql = "SELECT body FROM ledger_entries WHERE jti = $1 AND kind = 'mint' LIMIT 1";
  return parseRows(IssuanceRow, "ledger_entries", await query(sql, [jti]))[0]?.body;
}

async function standingIn(query: Query, selector: Selector): Promise<number | undefined> {
  const rows = await query(
    `SELECT epoch FROM ${TABLE} WHERE kind = $1 AND subject_key = $2 AND ended_by IS NULL LIMIT 1`,
    [selector.kind, indexKey(subjectOf(selector))],
  );
  return parseRows(StandingRow, TABLE, rows)[0]?.epoch;
}

type Change = (query: Query, before: State) => Promise<StoredRevocation | undefined>;

/** One change of what is revoked: no entry is written meanwhile, and it gets the next number. `undefined`: there is nothing to change. */
function changed(
  database: Database,
  { id }: RevocationOrder,
  state: (query: Query) => Promise<State>,
  change: Change,
): Promise<StoredRevocation | undefined> {
  const { ledgerLocks } = database.dialect;
  const work = async (query: Query): Promise<StoredRevocation | undefined> => {
    if (ledgerLocks !== undefined) await query(ledgerLocks.alone);
    // A transaction that is tried again after a lost connection may find its own row.
    const [known] = await revocations(query, "WHERE id = $1", id);
    if (known !== undefined) return known;
    await fileWhole(query, database.dialect);
    const made = await change(query, await state(query));
    if (made === undefined) return undefined;
    await insertRevocation(query, made);
    await query("UPDATE revocation_state SET epoch = $1 WHERE id = 1", [made.epoch]);
    return made;
  };
  return database.write(work, { isLong: true });
}

async function stop(
  query: Query,
  selector: Selector,
  order: RevocationOrder,
  state: State,
): Promise<StoredRevocation> {
  const epoch = state.epoch + 1;
  const subject = subjectOf(selector);
  const reach = await reachOf(query, selector, state);
  const standing = [selector.kind, indexKey(subject)];
  const before = await ended(query, epoch, "kind = $2 AND subject_key = $3", standing);
  await listTokens(query, selector, state, epoch);
  const last = await lastOf(query, selector, state, epoch);
  const cutOff = hasCutOff(selector)
    ? latest(state.now, last.recorded, before?.cutOff ?? state.now)
    : undefined;
  return {
    ...order,
    ...reach,
    epoch,
    at: epochMs(state.now * 1_000),
    kind: selector.kind,
    subject,
    cutOff,
    until:
      selector.kind === "run"
        ? NEVER
        : latest(endOf(cutOff ?? state.now, state), after(last.exp, LEEWAY_SECONDS)),
    ends: before?.epoch,
    endedBy: undefined,
  };
}

/** Tokens of these are also stopped by when they were issued: those that are not recorded yet. */
function hasCutOff({ kind }: Selector): boolean {
  return kind === "sender" || kind === "caller";
}

async function takeBack(
  query: Query,
  epoch: number,
  order: RevocationOrder,
  state: State,
): Promise<StoredRevocation | undefined> {
  const [target] = await revocations(
    query,
    "WHERE epoch = $1 AND ended_by IS NULL AND kind <> 'undo'",
    epoch,
  );
  if (target === undefined) return undefined;
  const next = state.epoch + 1;
  await ended(query, next, "epoch = $2", [epoch]);
  const { subject, tokens, agents, until } = target;
  const at = epochMs(state.now * 1_000);
  return {
    ...order,
    epoch: next,
    at,
    kind: "undo",
    subject,
    tokens,
    agents,
    cutOff: undefined,
    until,
    ends: epoch,
    endedBy: undefined,
  };
}

interface Ended {
  readonly epoch: number;
  readonly cutOff: EpochSeconds | undefined;
}

/** Ends the one revocation that stands and meets a condition on `$2` and so on: what it listed is listed again, or let go. */
async function ended(
  query: Query,
  by: number,
  condition: string,
  parameters: readonly Parameter[],
): Promise<Ended | undefined> {
  const rows = await query(
    `UPDATE ${TABLE} SET ended_by = $1 WHERE ${condition} AND ended_by IS NULL RETURNING epoch, cut_off AS "cutOff"`,
    [by, ...parameters],
  );
  const [row] = parseRows(EndedRow, TABLE, rows);
  if (row !== undefined) await query("DELETE FROM revoked_tokens WHERE epoch = $1", [row.epoch]);
  return row;
}

async function revocations(
  query: Query,
  where: string,
  parameter: string | number,
): Promise<readonly StoredRevocation[]> {
  const rows = await query(`SELECT ${REVOCATION_COLUMNS} FROM ${TABLE} ${where}`, [parameter]);
  return parseRows(RevocationRow, TABLE, rows);
}

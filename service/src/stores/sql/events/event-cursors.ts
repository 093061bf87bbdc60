import type {
  DeadAfter,
  DeadLetter,
  EventCursors,
  Holder,
  ReceiverState,
  Settled,
} from "../../../events/event-cursors.ts";
import type { EventPosition } from "../../../events/event-position.ts";
import type { EpochSeconds } from "../../../kernel/clock.ts";
import { StoreCorrupt } from "../../../kernel/store-faults.ts";
import { type Database, parseRows, type Query } from "../database.ts";
import { storeNow } from "../store-now.ts";
import { LETTER_COLUMNS, LetterRow, STATE_COLUMNS, StateRow, stateIn } from "./event-rows.ts";

const RECEIVERS = "event_receivers";
const LETTERS = "event_dead_letters";

/** Where each receiver is, in a database. The row of a receiver decides who sends to it. */
export function sqlEventCursors(database: Database): EventCursors {
  return {
    claim: (receiver, holder, seconds, start) =>
      database.write(async (query) => {
        const now = await storeNow(database, query, RECEIVERS);
        await query(
          `INSERT INTO ${RECEIVERS} (receiver, epoch, part, after_jti, held_until, failures, next_try_at)
           VALUES ($1, $2, 1, '', 0, 0, 0) ON CONFLICT (receiver) DO NOTHING`,
          [receiver, start],
        );
        const taken = await query(
          `UPDATE ${RECEIVERS} SET holder = $1, held_until = $2
           WHERE receiver = $3 AND (holder IS NULL OR holder = $4 OR held_until <= $5 OR held_until > $6) RETURNING 1 AS taken`,
          [holder, now + seconds, receiver, holder, now, now + seconds],
        );
        const state = await stateOf(query, receiver, now);
        return { kind: taken.length === 0 ? "held" : "claimed", state };
      }),

    settle: (receiver, holder, from, settled) =>
      database.write(async (query) => {
        const now = await storeNow(database, query, RECEIVERS);
        if (!(await moved(query, { receiver, holder, from, settled, now }))) return undefined;
        if (settled.dead !== undefined)
          await bury(query, { receiver, position: from, at: now, ...settled.dead });
        return stateOf(query, receiver, now);
      }),

    release: (receiver, holder) =>
      database.write(async (query) => {
        await query(
          `UPDATE ${RECEIVERS} SET holder = NULL, held_until = 0 WHERE receiver = $1 AND holder = $2`,
          [receiver, holder],
        );
      }),

    states: () =>
      database.read(async (query) => {
        const now = await storeNow(database, query, RECEIVERS);
        const rows = await query(`SELECT ${STATE_COLUMNS} FROM ${RECEIVERS} r ORDER BY r.receiver`);
        return parseRows(StateRow, RECEIVERS, rows).map((row) => stateIn(row, now));
      }),

    dead: (receiver, after, limit) => database.read((query) => lettersAfter(query, receiver, after, limit)),

    forget: (receiver, { epoch, part }) =>
      database.write(async (query) => {
        const gone = await query(
          `DELETE FROM ${LETTERS} WHERE receiver = $1 AND epoch = $2 AND part = $3 RETURNING 1 AS gone`,
          [receiver, epoch, part],
        );
        return gone.length > 0;
      }),
  };
}

interface Move {
  readonly receiver: string;
  readonly holder: Holder;
  readonly from: EventPosition;
  readonly settled: Settled;
  readonly now: EpochSeconds;
}

/** Whether the receiver was still this process's, at this event. */
async function moved(query: Query, { receiver, holder, from, settled, now }: Move): Promise<boolean> {
  const { position, failures, failingSince, fault, waitSeconds } = settled;
  const rows = await query(
    `UPDATE ${RECEIVERS} SET epoch = $1, part = $2, after_jti = $3, failures = $4, failing_since = $5, fault = $6, status = $7,
       next_try_at = $8 WHERE receiver = $9 AND holder = $10 AND epoch = $11 AND part = $12 RETURNING 1 AS moved`,
    [
      position.epoch,
      position.part,
      position.after,
      failures,
      failingSince ?? null,
      fault?.reason ?? null,
      fault?.status ?? null,
      now + waitSeconds,
      receiver,
      holder,
      from.epoch,
      from.part,
    ],
  );
  return rows.length > 0;
}

async function bury(query: Query, { receiver, position, at, failures, fault }: DeadLetter): Promise<void> {
  await query(
    `INSERT INTO ${LETTERS} (receiver, epoch, part, after_jti, at, failures, fault, status)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (receiver, epoch, part) DO NOTHING`,
    [
      receiver,
      position.epoch,
      position.part,
      position.after,
      at,
      failures,
      fault.reason,
      fault.status ?? null,
    ],
  );
}

async function stateOf(query: Query, receiver: string, now: EpochSeconds): Promise<ReceiverState> {
  const rows = await query(`SELECT ${STATE_COLUMNS} FROM ${RECEIVERS} r WHERE r.receiver = $1`, [receiver]);
  const [row] = parseRows(StateRow, RECEIVERS, rows);
  if (row === undefined) throw new StoreCorrupt({ what: "row_missing", table: RECEIVERS });
  return stateIn(row, now);
}

async function lettersAfter(
  query: Query,
  receiver: string | undefined,
  after: DeadAfter | undefined,
  limit: number,
): Promise<readonly DeadLetter[]> {
  const { receiver: from, epoch, part } = after ?? { receiver: "", epoch: 0, part: 0 };
  const ofOne = receiver === undefined ? "" : "AND receiver = $4";
  const rows = await query(
    `SELECT ${LETTER_COLUMNS} FROM ${LETTERS} WHERE (receiver, epoch, part) > ($1, $2, $3) ${ofOne}
     ORDER BY receiver, epoch, part LIMIT ${String(limit)}`,
    [from, epoch, part, ...(receiver === undefined ? [] : [receiver])],
  );
  return parseRows(LetterRow, LETTERS, rows);
}

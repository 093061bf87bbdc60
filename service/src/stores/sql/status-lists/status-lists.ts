import { z } from "zod";
import { fromAscii, toAscii } from "../../../kernel/ascii.ts";
import { after, type EpochSeconds } from "../../../kernel/clock.ts";
import { parseKid } from "../../../kernel/ids.ts";
import type {
  Block,
  BlockAsked,
  LiveList,
  StatusListStore,
} from "../../../status-lists/status-list-store.ts";
import { parseListId } from "../../../status-lists/status-place.ts";
import { type Database, parseRows, type Query, Whole } from "../database.ts";
import { read } from "../read-text.ts";
import { storeNow } from "../store-now.ts";

const LISTS = "status_lists";
/** How long a list stays in the store after its last token: nobody is surprised by a clock that is a little off. */
const KEPT_SECONDS = 86_400;

const ListRow: z.ZodType<LiveList> = z.object({
  id: read(parseListId),
  kid: read((text) => parseKid(fromAscii(text))),
  size: Whole,
});
const ReservedRow = z.object({ id: read(parseListId), next: Whole });

/** The status lists in a database. One statement moves the first free index of a list on: so no block is given out twice. */
export function sqlStatusLists(database: Database): StatusListStore {
  return {
    reserve: (asked) =>
      database.write(async (query) => {
        const now = await storeNow(database, query, LISTS);
        const usableUntil = after(now, asked.holdSeconds);
        const moved = await moveOn(query, asked, now);
        return { ...(moved ?? (await begin(query, asked, now))), count: asked.count, usableUntil };
      }),

    live: () =>
      database.read(async (query) => {
        const now = await storeNow(database, query, LISTS);
        const rows = await query(
          `SELECT id, kid, size FROM ${LISTS} WHERE live_until > ${String(now)} ORDER BY made_at DESC, id`,
        );
        return parseRows(ListRow, LISTS, rows);
      }),

    close: () =>
      database.write(
        async (query) =>
          (await query(`UPDATE ${LISTS} SET closed = 1 WHERE closed = 0 RETURNING 1 AS closed`)).length,
      ),

    prune: () =>
      database.write(async (query) => {
        const gone = (await storeNow(database, query, LISTS)) - KEPT_SECONDS;
        return (await query(`DELETE FROM ${LISTS} WHERE live_until < ${String(gone)} RETURNING 1 AS gone`))
          .length;
      }),
  };
}

/** Reserves of the newest list that has room; `undefined`: none has. */
async function moveOn(
  query: Query,
  asked: BlockAsked,
  now: EpochSeconds,
): Promise<Pick<Block, "list" | "first"> | undefined> {
  const [until, count] = [liveUntil(asked, now), String(asked.count)];
  const hasRoom = `closed = 0 AND next + ${count} <= size AND live_until > ${String(now)}`;
  const newest = `SELECT id FROM ${LISTS} WHERE kid = $1 AND ${hasRoom} ORDER BY made_at DESC, id LIMIT 1`;
  // The outer condition is looked at again when another transaction changed the row meanwhile.
  const rows = await query(
    `UPDATE ${LISTS} SET next = next + ${count}, live_until = CASE WHEN live_until > ${until} THEN live_until ELSE ${until} END
     WHERE id = (${newest}) AND ${hasRoom} RETURNING id, next`,
    [toAscii(asked.kid)],
  );
  const [moved] = parseRows(ReservedRow, LISTS, rows);
  return moved && { list: moved.id, first: moved.next - asked.count };
}

async function begin(
  query: Query,
  asked: BlockAsked,
  now: EpochSeconds,
): Promise<Pick<Block, "list" | "first">> {
  await query(
    `INSERT INTO ${LISTS} (id, kid, size, next, closed, made_at, live_until) VALUES ($1, $2, $3, $4, 0, $5, ${liveUntil(asked, now)})`,
    [asked.fresh, toAscii(asked.kid), asked.size, asked.count, now],
  );
  return { list: asked.fresh, first: 0 };
}

/** When the last token of a block can no longer be accepted. */
function liveUntil({ holdSeconds, lifeSeconds }: BlockAsked, now: EpochSeconds): string {
  return String(after(now, holdSeconds + lifeSeconds));
}

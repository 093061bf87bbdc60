import { z } from "zod";
import { type EpochSeconds, epochSeconds } from "../../kernel/clock.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import { type Database, parseRows, type Query, Whole } from "./database.ts";

const MomentRow = z.object({ now: Whole.transform(epochSeconds) });

/** The present moment by the database's clock, which every replica shares. */
export async function storeNow(database: Database, query: Query, table: string): Promise<EpochSeconds> {
  const [row] = parseRows(MomentRow, table, await query(database.dialect.now));
  if (row === undefined) throw new StoreCorrupt({ what: "row_missing", table });
  return row.now;
}

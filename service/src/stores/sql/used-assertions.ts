import { createHash } from "node:crypto";
import type { UsedAssertions } from "../../callers/used-assertions.ts";
import type { EpochSeconds } from "../../kernel/clock.ts";
import type { Database } from "./database.ts";
import { storeNow } from "./store-now.ts";
import { CONFLICT, tryWrite } from "./try-write.ts";

const TABLE = "used_assertions";
/** How many are inserted between two sweeps: what has ended is removed as fast as it comes. */
const INSERTS_A_SWEEP = 100;

/** Used assertions in a database: the primary key decides a race between replicas. */
export function sqlUsedAssertions(database: Database): UsedAssertions {
  let inserted = 0;
  return {
    async insert(caller, jti, until) {
      const written = await tryWrite(database, TABLE, (query) =>
        query(`INSERT INTO ${TABLE} (id, used_until) VALUES ($1, $2)`, [idOf(caller, jti), until]),
      );
      inserted += 1;
      // After the answer is known: a sweep that fails changes nothing about it, and the next one comes.
      if (inserted % INSERTS_A_SWEEP === 0) void sweep(database).catch(() => undefined);
      return written === CONFLICT ? "replayed" : "fresh";
    },
  };
}

/** The texts are a stranger's, of any length and alphabet: their digest is stored. */
function idOf(caller: string, jti: string): string {
  return createHash("sha256")
    .update(JSON.stringify([caller, jti]))
    .digest("base64url");
}

/** By the clock that all replicas share. */
async function sweep(database: Database): Promise<void> {
  await database.write(async (query) => {
    const now: EpochSeconds = await storeNow(database, query, TABLE);
    await query(`DELETE FROM ${TABLE} WHERE used_until < $1`, [now - SKEW_SECONDS]);
  });
}

/** The clocks of replicas may differ from the database's. */
const SKEW_SECONDS = 600;

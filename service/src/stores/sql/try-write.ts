import type { Database, Query } from "./database.ts";

/**
 * A row is there already that has the unique columns of a new one. Adapters throw it, never try again, and roll the transaction back.
 * Outside of `tryWrite` it is a bug, as nobody expected it.
 */
export class UniqueViolation extends Error {
  override readonly name = "UniqueViolation";
  /** `undefined` where the engine does not name it, as SQLite for an index over expressions. */
  readonly table: string | undefined;
  /** For the log only: PostgreSQL gives the name of the constraint or index, SQLite the columns. */
  readonly constraint: string | undefined;

  constructor(table: string | undefined, constraint: string | undefined) {
    super(`unique violation: table ${table ?? "?"}, ${constraint ?? "?"}`);
    this.table = table;
    this.constraint = constraint;
  }
}

/** What `tryWrite` resolves to when a row was there already. */
export const CONFLICT = Symbol("conflict");

/**
 * One transaction in which a row of `table` may be there already: then it is rolled back and `CONFLICT` is the answer. Of any number
 * of processes that insert the same key at the same moment, one gets the value of its `work` and all others `CONFLICT`, so an insert
 * decides a race without a read before it. Rejects as `Database.write` does: after `StoreUnavailable` with the reason `unconfirmed`,
 * or after a lost connection, the row may be there or not. Violations of another table reject too: nobody expected them.
 *
 * A family of tables is one file in `stores/sql/` that is a port of a room over the one `Database` of the process:
 *
 * ```ts
 * // The step of migrations.ts: CREATE TABLE used_ids (issuer TEXT NOT NULL, id TEXT NOT NULL, expires_at BIGINT NOT NULL,
 * // PRIMARY KEY (issuer, id)). Names of tables and columns are the same on all engines, and never need quotes.
 * export function sqlUsedIds(database: Database): UsedIds {
 *   return {
 *     // Texts of strangers go through toAscii, and rows that are read through parseRows with Whole for numbers.
 *     use: async ({ issuer, id, expiresAt }) => {
 *       const written = await tryWrite(database, "used_ids", (query) =>
 *         query("INSERT INTO used_ids (issuer, id, expires_at) VALUES ($1, $2, $3)", [toAscii(issuer), toAscii(id), expiresAt]),
 *       );
 *       return written === CONFLICT ? "used-before" : "first-use";
 *     },
 *     forgetExpired: (now) => database.write((query) => query("DELETE FROM used_ids WHERE expires_at < $1", [now])),
 *   };
 * }
 * ```
 *
 * `work` may run more than once, so it changes nothing outside of the database; statements that need no answer of each other are asked
 * for together (`Promise.all`), which is one message to SQLite. A memory
 * adapter stands beside it, and one contract suite in `testing/` runs over all three; `postgresPlace` and `sqlitePlace` give a test
 * its own store.
 */
export async function tryWrite<T>(
  database: Database,
  table: string,
  work: (query: Query) => Promise<T>,
): Promise<T | typeof CONFLICT> {
  try {
    return await database.write(work);
  } catch (thrown) {
    if (thrown instanceof UniqueViolation && (thrown.table ?? table) === table) return CONFLICT;
    throw thrown;
  }
}

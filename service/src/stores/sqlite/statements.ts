import type { Parameter } from "../sql/database.ts";
import { type Connection, resultCodeOf, type Statement } from "./engine.ts";

/** More texts than all families of tables have; statements with lists of different lengths are added and removed. */
const STATEMENTS_MAX = 64;
/** Node 22 and later read the columns of a prepared text only once, so none outlives a change of the tables. */
const CHANGES_TABLES = /^\s*(?:ALTER|CREATE|DROP)\b/i;

/** The statements of a connection, each text prepared once. Of too many texts, the least recently used one is removed. */
export class Statements {
  readonly #connection: Connection;
  readonly #prepared = new Map<string, Statement>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The rows of one statement. Throws what the engine throws, with its result code where it has one. */
  run(sql: string, parameters: readonly Parameter[]): unknown[] {
    const known = this.#prepared.get(sql);
    const statement = known ?? this.#connection.prepare(sql.replaceAll(/\$\d+/g, "?"));
    // Removed and added again: the map is in the order of use. A text that fails stays removed.
    this.#prepared.delete(sql);
    const rows = allOf(statement, parameters);
    if (known === undefined && CHANGES_TABLES.test(sql)) {
      this.#prepared.clear();
      return rows;
    }
    this.#prepared.set(sql, statement);
    if (this.#prepared.size > STATEMENTS_MAX) {
      const [oldest] = this.#prepared.keys();
      if (oldest !== undefined) this.#prepared.delete(oldest);
    }
    return rows;
  }
}

function allOf(statement: Statement, parameters: readonly Parameter[]): unknown[] {
  try {
    return statement.all(...parameters);
  } catch (thrown) {
    // The backport's all() gives no result code, and its get() does. The transaction is lost either way.
    if (resultCodeOf(thrown) === undefined) statement.get(...parameters);
    throw thrown;
  }
}

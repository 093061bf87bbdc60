import type pg from "pg";
import { Impossible } from "../../kernel/assert.ts";
import type { PostgresLocation } from "../../kernel/store-location.ts";
import type { Database, KnownStatement, Query, Rows } from "../sql/database.ts";
import { POSTGRES } from "./dialect.ts";
import { connectionFaultOf, NOT_CONFIRMED, PostgresFault, statementFaultOf } from "./faults.ts";
import { type Home, homeOf, LOOK, parseLook, pathTo } from "./home.ts";
import { type Hosts, openHosts, type ValueTypes } from "./hosts.ts";
import { tlsPlanOf } from "./tls.ts";

/** For one statement, as the server counts. */
const STATEMENT_MS_MAX = 1_500;
/** The same for a statement about very many rows, and what its answer may take beyond that. */
const LONG_STATEMENT_MS_MAX = 30_000;
const LONG_ANSWER_MS_MAX = LONG_STATEMENT_MS_MAX + 2_000;
/** For a pause between two statements of a transaction, so that a replica that was stopped in the middle holds no lock. */
const PAUSE_MS_MAX = 3_000;
const TRIES = 3;

/** The server accepts no writes: nothing was done. */
const READ_ONLY = "25006";
/** The class of SQLSTATEs that warn. */
const WARNING_CLASS = "01";
/** A table or schema is not where it was: it may have been moved. */
const MOVED = new Set(["42P01", "3F000"]);

/** Set for the transaction only, so that it works behind a pooler that shares connections between clients. */
function limits({ isLong }: Pick<Mode, "isLong">): string {
  const statementMs = isLong === true ? LONG_STATEMENT_MS_MAX : STATEMENT_MS_MAX;
  return `SET LOCAL statement_timeout = ${String(statementMs)}; SET LOCAL idle_in_transaction_session_timeout = ${String(PAUSE_MS_MAX)}`;
}

/**
 * Of those that would make the tables at the same moment, whatever their search paths, one does and the others wait. The number
 * is any, but the same for all. CockroachDB has the function only since 2026, and a call of a
 * missing one ends the transaction.
 */
const MAKERS_LOCK = "SELECT pg_advisory_xact_lock(8245126743905511)";
const HAS_LOCKS = `SELECT 1 FROM pg_catalog.pg_proc
  WHERE proname = 'pg_advisory_xact_lock' AND pg_catalog.has_function_privilege(oid, 'EXECUTE')`;

interface Mode {
  readonly begin: string;
  readonly mayMakeTables: boolean;
  /** See `WriteHow`. */
  readonly first?: string | undefined;
  readonly isLong?: boolean | undefined;
}
const READ: Mode = { begin: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", mayMakeTables: false };
/**
 * An acknowledged change is on the disk, whatever the role or the database has configured for speed. Only `off` is raised: every
 * other value waits for the disk, and some wait for standbys too. Settings that the engine does not have stay as they are.
 */
const ON_DISK = `SELECT pg_catalog.set_config('synchronous_commit', 'on', true)
  WHERE pg_catalog.current_setting('synchronous_commit', true) = 'off'`;
const WRITE: Mode = { begin: `BEGIN ISOLATION LEVEL READ COMMITTED; ${ON_DISK}`, mayMakeTables: true };

/**
 * PostgreSQL or a compatible database. Opens no connection yet. Rejects with `PostgresUnusable` when a file that the location names
 * cannot be used.
 */
export async function openPostgres(location: PostgresLocation, types?: ValueTypes): Promise<Database> {
  const hosts = openHosts(location, await tlsPlanOf(location.tls), types);
  const homes = new Homes(location.schema);
  return {
    dialect: POSTGRES,
    read: (work, how) =>
      retried(hosts, () => transaction({ hosts, homes }, { ...READ, isLong: how?.isLong }, work)),
    write: (work, how) =>
      retried(hosts, () =>
        transaction({ hosts, homes }, { ...WRITE, first: how?.first, isLong: how?.isLong }, work),
      ),
    writeKnown: (statements, how) =>
      retried(hosts, () =>
        knownTransaction({ hosts, homes }, { ...WRITE, first: how?.first, isLong: how?.isLong }, statements),
      ),
    close: () => hosts.close(),
  };
}

/** Remembers where the tables are once they were found. */
class Homes {
  readonly #wanted: string | undefined;
  #found: Home | undefined;

  constructor(wanted: string | undefined) {
    this.#wanted = wanted;
  }

  get found(): Home | undefined {
    return this.#found;
  }

  async find(query: Query): Promise<Home> {
    const home = homeOf(parseLook(await query(LOOK)), this.#wanted);
    if (home.hasTables) this.#found = home;
    return home;
  }

  forget(): void {
    this.#found = undefined;
  }
}

interface Where {
  readonly hosts: Hosts;
  readonly homes: Homes;
}

function transaction<T>(where: Where, mode: Mode, work: (query: Query) => Promise<T>): Promise<T> {
  return onConnection(where, async (client) => {
    const { query, end } = statementsOn(client, mode);
    try {
      const { found } = where.homes;
      await client.query(beginning(mode, found).join("; ")).catch((thrown: unknown) => {
        throw connectionFaultOf(thrown, "begin");
      });
      if (found === undefined) await findHome(where.homes, mode, query);
      const result = await work(query);
      // Rejects when a statement failed and `work` caught it: what is left of the transaction is not what `work` thinks.
      await end();
      await confirmed(client, async () => {
        committed(await answered(client.query("COMMIT")));
      });
      return result;
    } catch (thrown) {
      await end().catch(() => undefined);
      throw thrown;
    }
  });
}

/** All statements in one message of the simple protocol, which knows no parameters: they are written as literals. */
function knownTransaction(
  where: Where,
  mode: Mode,
  statements: readonly KnownStatement[],
): Promise<readonly Rows[]> {
  const { found } = where.homes;
  if (found === undefined)
    return transaction(where, mode, (query) =>
      Promise.all(statements.map(({ sql, parameters }) => query(sql, parameters))),
    );
  return onConnection(where, (client) =>
    confirmed(client, async () => {
      const begin = beginning(mode, found);
      const known = statements.map((statement) => withLiterals(client, statement));
      const results = (await answered(client.query([...begin, ...known, "COMMIT"].join("; ")))) as unknown;
      const all = Array.isArray(results) ? (results as pg.QueryResult[]) : [];
      committed(all.at(-1));
      return all.slice(-1 - known.length, -1).map(({ rows }) => rows as Rows);
    }),
  );
}

function beginning(mode: Mode, found: Home | undefined): readonly string[] {
  const path = found === undefined ? [] : pathTo(found);
  return [mode.begin, limits(mode), ...path, ...(mode.first === undefined ? [] : [mode.first])];
}

/** Runs work with a connection that nobody else has meanwhile. Of one that fails, nothing is left. */
async function onConnection<T>(
  { hosts, homes }: Where,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await hosts.connect();
  try {
    const result = await work(client);
    client.release();
    return result;
  } catch (thrown) {
    if (thrown instanceof PostgresFault && MOVED.has(thrown.code)) homes.forget();
    // After a fault of the database the state of the connection is unknown; closing it rolls the transaction back too.
    const isUsable = !(thrown instanceof PostgresFault) && (await rolledBack(client));
    client.release(!isUsable);
    throw thrown;
  }
}

/** The statements of one transaction, and its end: when that settles, none is under way, and none will be sent. It rejects when one failed. */
interface Statements {
  readonly query: Query;
  readonly end: () => Promise<void>;
}

/** One statement after the other, in the order of the calls: after one that fails, no other is sent. */
function statementsOn(client: pg.PoolClient, { isLong }: Pick<Mode, "isLong">): Statements {
  const patience = isLong === true ? { query_timeout: LONG_ANSWER_MS_MAX } : {};
  let last: Promise<unknown> = Promise.resolve();
  let isOver = false;
  const sent = async (...statement: Parameters<Query>): Promise<readonly unknown[]> => {
    // Outside of the transaction it would be committed by itself, or in the transaction of the connection's next user.
    if (isOver) throw new Impossible("a statement came after the end of its transaction");
    const [sql, parameters = []] = statement;
    return (await answered(client.query({ text: sql, values: [...parameters], ...patience })))
      .rows as unknown[];
  };
  return {
    query: (...statement) => {
      const answer = last.then(() => sent(...statement));
      last = answer;
      return answer;
    },
    end: async () => {
      isOver = true;
      await last;
    },
  };
}

/** Finds the schema, and makes it the only one for the rest of the transaction. */
async function findHome(homes: Homes, mode: Mode, query: Query): Promise<void> {
  let home = await homes.find(query);
  if (!home.hasTables && mode.mayMakeTables) {
    if ((await query(HAS_LOCKS)).length > 0) await query(MAKERS_LOCK);
    home = await homes.find(query);
  }
  for (const sql of pathTo(home)) await query(sql);
}

/**
 * Nothing is done that the server committed only for itself: with synchronous replication it then warns that no standby confirmed it,
 * and a server that was cut off from its successor does just that.
 */
async function confirmed<T>(client: pg.PoolClient, commit: () => Promise<T>): Promise<T> {
  const warnings: unknown[] = [];
  const note = ({ code }: { readonly code?: string | undefined }) => {
    if (code?.startsWith(WARNING_CLASS) === true) warnings.push(code);
  };
  client.on("notice", note);
  try {
    const result = await commit();
    if (warnings.length > 0) throw new PostgresFault(NOT_CONFIRMED, "query");
    return result;
  } finally {
    client.off("notice", note);
  }
}

/** A transaction that broke within ends with ROLLBACK and no fault: a change that is called done must be. */
function committed(result: Pick<pg.QueryResult, "command"> | undefined): void {
  if (result?.command !== "COMMIT") throw new PostgresFault("25P02", "query");
}

/** Numbers as they are; text by the driver's own escaping, which minds backslashes and quotes. */
function withLiterals(client: pg.PoolClient, { sql, parameters }: KnownStatement): string {
  return sql.replaceAll(/\$(\d+)/g, (_all, place: string) => {
    const value = parameters[Number(place) - 1];
    if (value === undefined) throw new Impossible("a statement has as many parameters as it says");
    if (value === null) return "NULL";
    return typeof value === "number" ? `(${String(value)})` : client.escapeLiteral(value);
  });
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query("ROLLBACK");
    return true;
  } catch {
    return false;
  }
}

async function retried<T>(hosts: Hosts, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (thrown) {
      if (!(thrown instanceof PostgresFault)) throw thrown;
      const mayTryAgain = thrown.mayTryAgain || (thrown.code === READ_ONLY && hosts.leave());
      if (attempt === TRIES || !mayTryAgain) throw thrown;
    }
  }
}

async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw statementFaultOf(thrown);
  }
}

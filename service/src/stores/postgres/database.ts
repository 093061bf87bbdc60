import pg from "pg";
import { ConfigError, codeOf, messageOf } from "../../kernel/faults.ts";
import { StoreUnavailable } from "../../keys/key-store.ts";
import type { Database, Query } from "../sql/database.ts";

const CONNECTIONS_MAX = 4;
/** For a free connection of the pool, and for making a new one. */
const CONNECT_MS_MAX = 2_000;
/** For one statement, as the server counts. */
const STATEMENT_MS_MAX = 1_500;
/** For a pause between two statements of a transaction, so that a replica that was stopped in the middle holds no lock. */
const PAUSE_MS_MAX = 3_000;
/** For one statement, as this side counts: a server that went silent is left. */
const ANSWER_MS_MAX = 2_000;
const IDLE_MS_MAX = 60_000;
const TRIES = 3;

/** Another transaction was in the way, or made the same table at the same moment: serialization, deadlock, unique, table exists. */
const TRY_AGAIN = new Set(["40001", "40P01", "23505", "42P07"]);

/** Set for the transaction alone, so that it works behind a pooler that shares connections between clients. */
const LIMITS = `SET LOCAL statement_timeout = ${String(STATEMENT_MS_MAX)}; SET LOCAL idle_in_transaction_session_timeout = ${String(PAUSE_MS_MAX)}`;

/** How the driver gives values; the stores read them by what they are, so that any choice does. */
export type ValueTypes = pg.CustomTypesConfig;

/** PostgreSQL, or what speaks its language. Opens no connection yet. TLS is what the URL's `sslmode` and `sslrootcert` say. */
export function openPostgres(url: string, types?: ValueTypes): Database {
  const pool = poolOf(url, types);
  return {
    words: {
      now: "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint AS now",
      tables:
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'schema_version'",
    },
    read: (work) => retried(() => transaction(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work)),
    write: (work) => retried(() => transaction(pool, "BEGIN ISOLATION LEVEL READ COMMITTED", work)),
    close: () => (pool.ended ? Promise.resolve() : pool.end()),
  };
}

function poolOf(url: string, types: ValueTypes | undefined): pg.Pool {
  const options: pg.PoolConfig = {
    ...(types && { types }),
    connectionString: url,
    application_name: "macp-auth",
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    query_timeout: ANSWER_MS_MAX,
    idleTimeoutMillis: IDLE_MS_MAX,
    keepAlive: true,
  };
  try {
    clientOf(options);
  } catch (thrown) {
    // The message may repeat the URL, with its password.
    const why = codeOf(thrown) ?? "no reason given";
    throw new ConfigError([
      `MACP_AUTH_STORE_URL cannot be used (${why}); write postgres://USER:PASSWORD@HOST/DATABASE, and name only files that this user may read`,
    ]);
  }
  const pool = new pg.Pool(options);
  // Without a listener a connection that breaks, at rest or in use, would end the process. Its user is told by its next statement.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** Throws when the URL cannot be read, or a certificate that it names. Opens nothing. */
function clientOf(options: pg.ClientConfig): pg.Client {
  return new pg.Client(options);
}

async function transaction<T>(pool: pg.Pool, begin: string, work: (query: Query) => Promise<T>): Promise<T> {
  const client = await told(pool.connect());
  try {
    await told(client.query(`${begin}; ${LIMITS}`));
    const result = await work(
      async (sql, parameters = []) => (await told(client.query(sql, [...parameters]))).rows as unknown[],
    );
    await told(client.query("COMMIT"));
    client.release();
    return result;
  } catch (thrown) {
    // After a fault of the database nobody knows the state of the connection; leaving it takes the transaction back too.
    const sound = !(thrown instanceof Failure) && (await tookBack(client));
    client.release(!sound);
    throw thrown;
  }
}

async function tookBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query("ROLLBACK");
    return true;
  } catch {
    return false;
  }
}

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (thrown) {
      if (attempt === TRIES || !(thrown instanceof Failure) || !TRY_AGAIN.has(thrown.reason)) throw thrown;
    }
  }
}

/** The driver's faults hold hosts, users and rows; only their code goes on. */
class Failure extends StoreUnavailable {
  readonly reason: string;

  constructor(reason: string) {
    super(`PostgreSQL: ${reason}`);
    this.reason = reason;
  }
}

async function told<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw new Failure(reasonOf(thrown));
  }
}

/** SQLSTATE or system error code; what the driver itself finds has none, and is told in fixed words. */
function reasonOf(thrown: unknown): string {
  return codeOf(thrown) ?? messageOf(thrown);
}

import pg from "pg";
import { Impossible } from "../../kernel/assert.ts";
import type { PostgresHost, PostgresLocation } from "../../kernel/store-location.ts";
import { Dial, type TlsPlan } from "./dial.ts";
import { connectionFaultOf, NO_PASSWORD, PostgresFault, READ_ONLY } from "./faults.ts";

const CONNECTIONS_MAX = 4;
/** For a free connection of the pool, and for making a new one, at one host. */
const CONNECT_MS_MAX = 2_000;
/** For all hosts together. */
const CONNECT_ALL_MS_MAX = 6_000;
/** For one statement, as this side counts: a server that does not answer is given up. */
const ANSWER_MS_MAX = 2_000;
const IDLE_MS_MAX = 60_000;

/** How the driver returns values; the stores read values of any of its types. */
export type ValueTypes = pg.CustomTypesConfig;

/** The hosts of one location; one is in use until it fails. */
export interface Hosts {
  /** A connection to a host that accepts writes, if the location asks for that. Rejects with `PostgresFault` when no host gives one. */
  connect(): Promise<pg.PoolClient>;
  /** The host in use no longer accepts writes: the next connection is to another one. Returns whether there is another. */
  leave(): boolean;
  close(): Promise<void>;
}

/** A user or database that one host rejects is rejected by every host: more attempts could lock the user out and would hide the reason. */
const SAME_EVERYWHERE = /^(?:28|3D)|^NO_PASSWORD$/;

export function openHosts(location: PostgresLocation, tls: TlsPlan, types?: ValueTypes): Hosts {
  const { hosts } = location;
  let current = 0;
  let pool = poolAt(0);

  function poolAt(index: number): pg.Pool {
    const host = hosts[index] ?? { host: "localhost", port: 0 };
    const made = new pg.Pool(optionsOf(location, host, tls, types));
    // Without a listener a connection that breaks would end the process. Its user gets the fault from its next statement.
    made.on("error", () => undefined);
    made.on("connect", (client) => client.on("error", () => undefined));
    return made;
  }

  /** Only the first of several users that found a host unusable changes the host. */
  function leave(left: pg.Pool): boolean {
    if (left === pool && hosts.length > 1) {
      current = (current + 1) % hosts.length;
      pool = poolAt(current);
      void left.end();
    }
    return hosts.length > 1;
  }

  return {
    async connect() {
      const faults: PostgresFault[] = [];
      while (faults.length < hosts.length) {
        const tried = pool;
        try {
          return await connected(tried, location.target);
        } catch (thrown) {
          const fault = connectionFaultOf(thrown, "connect");
          faults.push(fault);
          if (SAME_EVERYWHERE.test(fault.code)) throw fault;
          leave(tried);
        }
      }
      throw ofAll(faults);
    },
    leave: () => leave(pool),
    close: () => (pool.ended ? Promise.resolve() : pool.end()),
  };
}

/** One fault for those of all hosts, each by its place in the order of trial: only the operator may know host names. */
function ofAll(faults: readonly PostgresFault[]): Error {
  const [first, ...others] = faults;
  if (first === undefined || others.length === 0) return first ?? new Impossible("a location has a host");
  const isReadOnly = faults.every(({ code }) => code === READ_ONLY);
  return isReadOnly ? first : PostgresFault.ofHosts(faults);
}

async function connected(pool: pg.Pool, target: PostgresLocation["target"]): Promise<pg.PoolClient> {
  const client = await pool.connect();
  if (target === "any" || known.has(client)) return client;
  try {
    // "on" at a standby too, whatever its own setting says.
    const { rows } = await client.query<{ transaction_read_only: string }>("SHOW transaction_read_only");
    if (rows[0]?.transaction_read_only === "on") throw new PostgresFault(READ_ONLY, "connect");
  } catch (thrown) {
    client.release(true);
    throw thrown;
  }
  known.add(client);
  return client;
}

/** Connections to hosts that accepted writes when they were made. */
const known = new WeakSet<object>();

function optionsOf(
  location: PostgresLocation,
  { host, port }: PostgresHost,
  tls: TlsPlan,
  types: ValueTypes | undefined,
): pg.PoolConfig {
  const { user, database, options, applicationName = "macp-auth", hosts } = location;
  const given: pg.PoolConfig = {
    host,
    port,
    ...(user !== undefined && { user }),
    ...(database !== undefined && { database }),
    ...(options !== undefined && { options }),
    ...(types && { types }),
    application_name: applicationName,
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: Math.min(CONNECT_MS_MAX, Math.floor(CONNECT_ALL_MS_MAX / hosts.length)),
    query_timeout: ANSWER_MS_MAX,
    idleTimeoutMillis: IDLE_MS_MAX,
    keepAlive: true,
    // TLS is done in `dial`.
    ssl: false,
    sslnegotiation: "postgres",
    stream: () => new Dial(tls),
  };
  return { ...given, password: passwordOf(location, given) };
}

/** The password of the URL, else PGPASSWORD, which the driver reads. Never its file of passwords: the driver warns of that on standard error. */
function passwordOf(
  { password }: PostgresLocation,
  given: pg.ClientConfig,
): NonNullable<pg.PoolConfig["password"]> {
  const found = password?.reveal() ?? new pg.Client(given).password;
  if (found) return found;
  return () => {
    throw Object.assign(new Error(NO_PASSWORD), { code: NO_PASSWORD });
  };
}

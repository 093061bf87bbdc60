import type { Dialect } from "../sql/database.ts";

/** The SQL of PostgreSQL, where it differs. */
export const POSTGRES: Dialect = {
  name: "postgres",
  now: "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint AS now",
  tables: `SELECT relname AS name FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
           WHERE n.nspname = current_schema() AND relname = 'key_sets'`,
  // The lock manager serves them in their order, so that no revocation waits behind newer batches without end. No row is written for it.
  ledgerLocks: {
    shared: "SELECT pg_advisory_xact_lock_shared(8245126743905512)",
    alone: "SELECT pg_advisory_xact_lock(8245126743905512)",
  },
};

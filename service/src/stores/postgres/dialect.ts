import type { Dialect } from "../sql/database.ts";

/** The SQL of PostgreSQL, where it differs. */
export const POSTGRES: Dialect = {
  name: "postgres",
  now: "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint AS now",
  tables: `SELECT relname AS name FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
           WHERE n.nspname = current_schema() AND relname = 'key_sets'`,
};

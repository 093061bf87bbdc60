import type { Dialect } from "../sql/database.ts";

/** The SQL of SQLite, where it differs. */
export const SQLITE: Dialect = {
  name: "sqlite",
  now: "SELECT unixepoch() AS now",
  tables: "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
  ledgerLocks: undefined,
};

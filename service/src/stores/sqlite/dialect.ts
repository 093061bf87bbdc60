import type { Words } from "../sql/database.ts";

/** Where SQLite's SQL differs. */
export const SQLITE_WORDS: Words = {
  now: "SELECT unixepoch() AS now",
  tables: "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
};

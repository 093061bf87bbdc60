import type { StatusListStore } from "../status-lists/status-list-store.ts";
import type { Database } from "./sql/database.ts";
import { sqlStatusLists } from "./sql/status-lists/status-lists.ts";

/** The status lists of all processes that share this database. */
export function statusListStore(database: Database): StatusListStore {
  return sqlStatusLists(database);
}

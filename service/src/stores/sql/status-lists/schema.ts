/** The tables of status lists. */
export const STATUS_LIST_TABLES: readonly string[] = [
  // `next`: the first index that nobody has reserved. It only rises, so no index is given out twice. `live_until`: when no token of the list
  // can be accepted any longer.
  `CREATE TABLE status_lists (
         id TEXT NOT NULL PRIMARY KEY,
         kid TEXT NOT NULL,
         size BIGINT NOT NULL,
         next BIGINT NOT NULL,
         closed INTEGER NOT NULL CHECK (closed IN (0, 1)),
         made_at BIGINT NOT NULL,
         live_until BIGINT NOT NULL
       )`,
  "CREATE INDEX status_lists_live ON status_lists (live_until)",
];

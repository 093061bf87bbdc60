/** The columns of a count: how many entries of a chain have the same hour, kind and caller, and the hour in which the last of their tokens ends. */
export const COUNT_COLUMNS = ["hour", "chain", "kind", "caller", "entries", "until_hour"] as const;

/** What becomes of a count that is there already. */
export const COUNT_CONFLICT = `ON CONFLICT (hour, chain, kind, caller) DO UPDATE SET entries = ledger_counts.entries + excluded.entries,
       until_hour = CASE WHEN excluded.until_hour > ledger_counts.until_hour THEN excluded.until_hour ELSE ledger_counts.until_hour END`;

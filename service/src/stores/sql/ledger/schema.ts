import type { Dialect } from "../database.ts";

/** The hours of one partition of PostgreSQL: a week. */
export const PARTITION_HOURS = 168;
const CHAINS = `CREATE TABLE ledger_chains (
         chain TEXT NOT NULL PRIMARY KEY,
         seq BIGINT NOT NULL,
         hash TEXT NOT NULL,
         at_ms BIGINT NOT NULL
       )`;

const ENTRIES = `CREATE TABLE ledger_entries (
         chain TEXT NOT NULL,
         seq BIGINT NOT NULL,
         at_ms BIGINT NOT NULL,
         hour BIGINT NOT NULL,
         kind TEXT NOT NULL,
         prev TEXT NOT NULL,
         hash TEXT NOT NULL,
         body TEXT NOT NULL,
         jti TEXT,
         digest TEXT,
         sender TEXT,
         caller TEXT,
         run TEXT,
         parent TEXT,
         root TEXT,
         exp BIGINT,
         PRIMARY KEY (chain, seq, hour)
       )`;

/**
 * New entries go to a small part of each index, however many entries there are: those of a time, a caller, a sender or a run follow each
 * other, and identifiers, which are random, are kept by hour.
 */
const INDEXES = [
  "CREATE INDEX ledger_entries_at ON ledger_entries (at_ms)",
  "CREATE INDEX ledger_entries_kind ON ledger_entries (kind, at_ms) WHERE kind <> 'mint'",
  "CREATE INDEX ledger_entries_jti ON ledger_entries (hour, jti) WHERE jti IS NOT NULL",
  "CREATE INDEX ledger_entries_digest ON ledger_entries (hour, digest) WHERE digest IS NOT NULL",
  "CREATE INDEX ledger_entries_sender ON ledger_entries (sender, at_ms) WHERE sender IS NOT NULL",
  "CREATE INDEX ledger_entries_caller ON ledger_entries (caller, at_ms) WHERE caller IS NOT NULL",
  "CREATE INDEX ledger_entries_run ON ledger_entries (run, at_ms) WHERE run IS NOT NULL",
  "CREATE INDEX ledger_entries_parent ON ledger_entries (hour, parent) WHERE parent IS NOT NULL",
  // The token at the top of a tree is found by its id.
  "CREATE INDEX ledger_entries_root ON ledger_entries (hour, root) WHERE parent IS NOT NULL",
];

// How many entries there are, by hour: the writer of a chain adds to rows of its own, so that no writer waits for another.
const COUNTS = [
  `CREATE TABLE ledger_counts (
         hour BIGINT NOT NULL,
         chain TEXT NOT NULL,
         kind TEXT NOT NULL,
         caller TEXT NOT NULL,
         entries BIGINT NOT NULL,
         until_hour BIGINT NOT NULL,
         PRIMARY KEY (hour, chain, kind, caller)
       )`,
  // Which hours have tokens that are still valid.
  "CREATE INDEX ledger_counts_until ON ledger_counts (until_hour)",
];

const REVOCATION_STATE = [
  "CREATE TABLE revocation_state (id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), epoch BIGINT NOT NULL)",
  "INSERT INTO revocation_state (id, epoch) VALUES (1, 0)",
];

/** What no partition was made for, because the role of the service may not make tables, goes here. */
const DEFAULT_PARTITION = "CREATE TABLE ledger_entries_rest PARTITION OF ledger_entries DEFAULT";

/** The partitions of this week and of the next one. */
const FIRST_PARTITIONS = `DO $make$
       DECLARE
         first int8 := floor(extract(epoch FROM clock_timestamp()) / 3600 / ${String(PARTITION_HOURS)})::int8 * ${String(PARTITION_HOURS)};
       BEGIN
         FOR week IN 0..1 LOOP
           EXECUTE format('CREATE TABLE %I PARTITION OF ledger_entries FOR VALUES FROM (%s) TO (%s)',
             'ledger_entries_h' || first, first, first + ${String(PARTITION_HOURS)});
           first := first + ${String(PARTITION_HOURS)};
         END LOOP;
       END $make$`;

/**
 * The tables of the ledger. `body` is the record of an entry; the other columns repeat what is searched for. The row of a chain decides
 * a race between two that would write its next entry.
 */
export const LEDGER_TABLES: Readonly<Record<Dialect["name"], readonly string[]>> = {
  sqlite: [CHAINS, ENTRIES, ...INDEXES, ...COUNTS, ...REVOCATION_STATE],
  postgres: [
    CHAINS,
    `${ENTRIES} PARTITION BY RANGE (hour)`,
    ...INDEXES,
    DEFAULT_PARTITION,
    FIRST_PARTITIONS,
    ...COUNTS,
    ...REVOCATION_STATE,
  ],
};

/**
 * The tail: batches that are not filed yet. Identifiers begin with their time, so their indexes need no hour. Entries of PostgreSQL's tail
 * are not compressed: they are read once, within a second.
 */
const TAIL_STEP = [
  `CREATE TABLE ledger_tail (
         chain TEXT NOT NULL,
         first_seq BIGINT NOT NULL,
         last_seq BIGINT NOT NULL,
         entries TEXT NOT NULL,
         PRIMARY KEY (chain, first_seq)
       )`,
  ...["jti", "digest", "parent", "root"].map((name) => `DROP INDEX ledger_entries_${name}`),
  "CREATE INDEX ledger_entries_jti ON ledger_entries (jti) WHERE jti IS NOT NULL",
  // 48 bits of each are enough to find it, and a third of the pages.
  "CREATE INDEX ledger_entries_digest ON ledger_entries (hour, substr(digest, 1, 8)) WHERE digest IS NOT NULL",
  "CREATE INDEX ledger_entries_parent ON ledger_entries (parent) WHERE parent IS NOT NULL",
  "CREATE INDEX ledger_entries_root ON ledger_entries (root) WHERE parent IS NOT NULL",
];

/** Counts of SQLite in the order of their key: those of a month are read in one go. */
const COUNTS_IN_ORDER = [
  "ALTER TABLE ledger_counts RENAME TO ledger_counts_before",
  `CREATE TABLE ledger_counts (
         hour BIGINT NOT NULL,
         chain TEXT NOT NULL,
         kind TEXT NOT NULL,
         caller TEXT NOT NULL,
         entries BIGINT NOT NULL,
         until_hour BIGINT NOT NULL,
         PRIMARY KEY (hour, chain, kind, caller)
       ) WITHOUT ROWID`,
  "INSERT INTO ledger_counts SELECT hour, chain, kind, caller, entries, until_hour FROM ledger_counts_before",
  "DROP TABLE ledger_counts_before",
  "CREATE INDEX ledger_counts_until ON ledger_counts (until_hour)",
];

/** The step from one table of entries to one with a tail before it. */
export const LEDGER_TAIL: Readonly<Record<Dialect["name"], readonly string[]>> = {
  sqlite: [...TAIL_STEP, ...COUNTS_IN_ORDER],
  postgres: [...TAIL_STEP, "ALTER TABLE ledger_tail ALTER COLUMN entries SET STORAGE EXTERNAL"],
};

/**
 * Rejections and revocations of one sender or caller, of which most entries are mints. Three columns of a search are the first ones of
 * these indexes, so that both engines prefer them; mints are in none.
 */
export const LEDGER_RARE_INDEXES = ["sender", "caller"].map(
  (name) =>
    `CREATE INDEX ledger_entries_${name}_kind ON ledger_entries (${name}, kind, at_ms) WHERE kind <> 'mint' AND ${name} IS NOT NULL`,
);

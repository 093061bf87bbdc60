/** One step of the schema. Never edited once it was released: a later step mends it. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
}

/** Every step in order, the same for all engines. Forward only. */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: "keys",
    statements: [
      // One row: the version of the set, and the tag over the version and all key rows.
      `CREATE TABLE keyset (
         id INTEGER PRIMARY KEY CHECK (id = 1),
         version BIGINT NOT NULL,
         tag TEXT NOT NULL,
         served_at BIGINT
       )`,
      "INSERT INTO keyset (id, version, tag) VALUES (1, 0, '')",
      `CREATE TABLE signing_keys (
         kid TEXT NOT NULL PRIMARY KEY,
         alg TEXT NOT NULL,
         active INTEGER NOT NULL CHECK (active IN (0, 1)),
         body TEXT NOT NULL,
         tag TEXT NOT NULL
       )`,
      "CREATE UNIQUE INDEX signing_keys_active ON signing_keys (alg) WHERE active = 1",
      `CREATE TABLE replicas (
         id TEXT NOT NULL PRIMARY KEY,
         alg TEXT NOT NULL,
         version BIGINT NOT NULL,
         settings TEXT NOT NULL,
         seen_at BIGINT NOT NULL,
         beats BIGINT NOT NULL
       )`,
      `CREATE TABLE verifiers (
         address TEXT NOT NULL,
         user_agent TEXT NOT NULL,
         version BIGINT NOT NULL,
         seen_at BIGINT NOT NULL,
         min_interval_seconds BIGINT,
         fetches BIGINT NOT NULL,
         PRIMARY KEY (address, user_agent)
       )`,
      `CREATE TABLE untracked_fetches (
         version BIGINT NOT NULL PRIMARY KEY,
         address TEXT NOT NULL,
         seen_at BIGINT NOT NULL,
         fetches BIGINT NOT NULL
       )`,
    ],
  },
];

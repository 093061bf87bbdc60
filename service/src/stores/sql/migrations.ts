import { DEFAULT_KEY_SET } from "../../kernel/ids.ts";
import type { Dialect } from "./database.ts";
import { EVENT_TABLES } from "./events/events-schema.ts";
import { NOTE_TABLES } from "./ledger/notes-schema.ts";
import { LEDGER_RARE_INDEXES, LEDGER_TABLES, LEDGER_TAIL } from "./ledger/schema.ts";
import { PURPOSE_KEY_TABLES } from "./purposes/purpose-keys-schema.ts";
import { STATUS_LIST_TABLES } from "./status-lists/schema.ts";

/** One step of the schema. Never edited once it was released: a later step corrects it. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** The same for all engines, or those of each. */
  readonly statements: readonly string[] | Readonly<Record<Dialect["name"], readonly string[]>>;
}

/** The statements of a step on one engine. */
export function statementsFor({ statements }: Migration, { name }: Pick<Dialect, "name">): readonly string[] {
  return "postgres" in statements ? statements[name] : statements;
}

/** Every step in order. Forward only. */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: "keys",
    statements: [
      // A row for each set: its version, and the tag over its name, its version and all its key rows.
      `CREATE TABLE key_sets (
         name TEXT NOT NULL PRIMARY KEY,
         version BIGINT NOT NULL,
         tag TEXT NOT NULL,
         served_at BIGINT
       )`,
      `INSERT INTO key_sets (name, version, tag) VALUES ('${DEFAULT_KEY_SET}', 0, '')`,
      `CREATE TABLE signing_keys (
         key_set TEXT NOT NULL,
         kid TEXT NOT NULL,
         alg TEXT NOT NULL,
         active INTEGER NOT NULL CHECK (active IN (0, 1)),
         body TEXT NOT NULL,
         tag TEXT NOT NULL,
         PRIMARY KEY (key_set, kid)
       )`,
      "CREATE UNIQUE INDEX signing_keys_active ON signing_keys (key_set, alg) WHERE active = 1",
      `CREATE TABLE replicas (
         key_set TEXT NOT NULL,
         id TEXT NOT NULL,
         alg TEXT NOT NULL,
         version BIGINT NOT NULL,
         settings TEXT NOT NULL,
         seen_at BIGINT NOT NULL,
         beats BIGINT NOT NULL,
         PRIMARY KEY (key_set, id)
       )`,
      `CREATE TABLE verifiers (
         key_set TEXT NOT NULL,
         address TEXT NOT NULL,
         user_agent TEXT NOT NULL,
         version BIGINT NOT NULL,
         seen_at BIGINT NOT NULL,
         min_interval_seconds BIGINT,
         fetches BIGINT NOT NULL,
         PRIMARY KEY (key_set, address, user_agent)
       )`,
      `CREATE TABLE untracked_fetches (
         key_set TEXT NOT NULL,
         version BIGINT NOT NULL,
         address TEXT NOT NULL,
         seen_at BIGINT NOT NULL,
         fetches BIGINT NOT NULL,
         PRIMARY KEY (key_set, version)
       )`,
      // A digest of the caller and of the id of each client assertion that was used.
      "CREATE TABLE used_assertions (id TEXT NOT NULL PRIMARY KEY, used_until BIGINT NOT NULL)",
      "CREATE INDEX used_assertions_until ON used_assertions (used_until)",
    ],
  },
  {
    version: 2,
    name: "ledger",
    statements: LEDGER_TABLES,
  },
  {
    version: 3,
    name: "revocation",
    statements: [
      `CREATE TABLE revocations (
         epoch BIGINT NOT NULL PRIMARY KEY,
         id TEXT NOT NULL,
         at_ms BIGINT NOT NULL,
         kind TEXT NOT NULL,
         subject TEXT NOT NULL,
         subject_key TEXT NOT NULL,
         cut_off BIGINT,
         stops_until BIGINT NOT NULL,
         made_by TEXT NOT NULL,
         reason TEXT NOT NULL,
         tokens BIGINT NOT NULL,
         agents BIGINT NOT NULL,
         ends BIGINT,
         ended_by BIGINT
       )`,
      "CREATE UNIQUE INDEX revocations_id ON revocations (id)",
      "CREATE INDEX revocations_standing ON revocations (kind, subject_key) WHERE ended_by IS NULL",
      // Those of one epoch are read by it.
      `CREATE TABLE revoked_tokens (
         epoch BIGINT NOT NULL,
         jti TEXT NOT NULL,
         stops_until BIGINT NOT NULL,
         PRIMARY KEY (epoch, jti)
       )`,
      "CREATE INDEX revoked_tokens_until ON revoked_tokens (stops_until)",
    ],
  },
  {
    version: 4,
    name: "ledger notes",
    statements: NOTE_TABLES,
  },
  {
    version: 5,
    name: "purpose keys",
    statements: PURPOSE_KEY_TABLES,
  },
  {
    version: 6,
    name: "events",
    statements: EVENT_TABLES,
  },
  {
    version: 7,
    name: "ledger tail",
    statements: LEDGER_TAIL,
  },
  {
    version: 8,
    name: "status lists",
    statements: STATUS_LIST_TABLES,
  },
  {
    version: 9,
    name: "rare entries",
    statements: LEDGER_RARE_INDEXES,
  },
];

/** Every table of a store, that of the schema's own version included. */
export const TABLES: readonly string[] = [
  "schema_version",
  ...MIGRATIONS.flatMap(({ statements }) =>
    "postgres" in statements ? statements.postgres : statements,
  ).flatMap((statement) => /^CREATE TABLE (\w+)/.exec(statement)?.[1] ?? []),
];

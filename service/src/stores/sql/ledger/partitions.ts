import { z } from "zod";
import type { EpochMs } from "../../../kernel/clock.ts";
import { type Database, parseRows, type Query } from "../database.ts";
import { hourOf } from "./hours.ts";
import { PARTITION_HOURS } from "./schema.ts";

/** This week, and those that follow: a service that was stopped for two weeks still finds its partition. */
const WEEKS_AHEAD = 3;
const PREFIX = "ledger_entries_h";

const NameRow = z.object({ name: z.string() });

/** What became of the partitions. */
export interface KeptPartitions {
  readonly made: number;
  readonly dropped: number;
}

/**
 * Makes the partitions of the weeks that come, and drops those of past weeks from which all entries were removed for their age. Rejects
 * as the database does, also when the role of the service may not make tables: then entries go to `ledger_entries_rest`. Nothing on
 * SQLite.
 */
export async function keepPartitions(
  database: Database,
  now: EpochMs,
  keptFrom: EpochMs | undefined,
): Promise<KeptPartitions> {
  if (database.dialect.name !== "postgres") return { made: 0, dropped: 0 };
  const partitions = await database.read(partitionsIn);
  const wanted = weeksFrom(hourOf(now)).filter((first) => !partitions.includes(first));
  let [made, dropped] = [0, 0];
  for (const first of wanted) made += await database.write((query) => make(query, first));
  const past = keptFrom === undefined ? [] : partitions.filter((first) => isPast(first, keptFrom));
  for (const first of past) dropped += await database.write((query) => dropEmpty(query, first));
  return { made, dropped };
}

function weeksFrom(hour: number): readonly number[] {
  const first = Math.floor(hour / PARTITION_HOURS) * PARTITION_HOURS;
  return Array.from({ length: WEEKS_AHEAD }, (_, week) => first + week * PARTITION_HOURS);
}

function isPast(first: number, keptFrom: EpochMs): boolean {
  return first + PARTITION_HOURS <= hourOf(keptFrom);
}

/** The first hours of the weeks that have a partition. */
async function partitionsIn(query: Query): Promise<readonly number[]> {
  const rows = await query(
    `SELECT c.relname AS name FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'ledger_entries'::regclass AND c.relname LIKE '${PREFIX}%'`,
  );
  return parseRows(NameRow, "pg_class", rows)
    .map(({ name }) => Number(name.slice(PREFIX.length)))
    .filter((first) => Number.isSafeInteger(first));
}

/** Another replica may be faster, and entries of the week may be elsewhere already. */
async function make(query: Query, first: number): Promise<number> {
  const next = first + PARTITION_HOURS;
  const elsewhere = await query(
    "SELECT 1 AS found FROM ledger_entries_rest WHERE hour >= $1 AND hour < $2 LIMIT 1",
    [first, next],
  );
  if (elsewhere.length > 0) return 0;
  await query(
    `CREATE TABLE IF NOT EXISTS ${PREFIX}${String(first)} PARTITION OF ledger_entries FOR VALUES FROM (${String(first)}) TO (${String(next)})`,
  );
  return 1;
}

/** An entry that came meanwhile, of a token that lives long, keeps its partition. */
async function dropEmpty(query: Query, first: number): Promise<number> {
  const name = `${PREFIX}${String(first)}`;
  await query("LOCK TABLE ledger_entries IN ACCESS EXCLUSIVE MODE");
  const left = await query(`SELECT 1 AS found FROM ${name} LIMIT 1`);
  if (left.length > 0) return 0;
  await query(`DROP TABLE IF EXISTS ${name}`);
  return 1;
}

import { z } from "zod";
import { StoreUnusable } from "../../kernel/store-faults.ts";
import { type Database, type Dialect, parseRows, type Query, Whole } from "./database.ts";
import { MIGRATIONS, type Migration, statementsFor } from "./migrations.ts";

/** The schema versions before and after a migration; 0 is an empty database. */
export interface MigrationReport {
  readonly from: number;
  readonly to: number;
}

/** Why a schema is not for this program. `needed` and `known`: the newest version of this program. */
export type SchemaFault =
  | { readonly kind: "no_tables" }
  | { readonly kind: "older"; readonly found: number; readonly needed: number }
  | { readonly kind: "newer"; readonly found: number; readonly known: number };

export class SchemaUnusable extends StoreUnusable {
  readonly fault: SchemaFault;

  constructor(fault: SchemaFault) {
    super(Object.values(fault).join(" "));
    this.fault = fault;
  }
}

const VersionRow = z.object({ version: Whole });

/**
 * Brings the schema to the newest version, in one transaction. Of several processes that start at once one migrates and the others
 * wait. An up-to-date schema is only read, so a service may run without the right to create tables. Throws `SchemaUnusable` when the
 * schema is newer than this program.
 */
export async function migrate(database: Database, steps = MIGRATIONS): Promise<MigrationReport> {
  const found = await versionOf(database);
  if (found === steps.length) return { from: found, to: found };
  refuseNewer(found, steps);
  return database.write((query) => advance(query, database.dialect, steps));
}

/** Reads the schema's version and changes nothing. Throws `SchemaUnusable` when it is not this program's. */
export async function insistOnSchema(database: Database, steps = MIGRATIONS): Promise<void> {
  const found = await versionOf(database);
  refuseNewer(found, steps);
  if (found === steps.length) return;
  throw new SchemaUnusable(
    found === 0 ? { kind: "no_tables" } : { kind: "older", found, needed: steps.length },
  );
}

function versionOf(database: Database): Promise<number> {
  return database.read(async (query) => {
    const tables = await query(database.dialect.tables);
    return tables.length > 0 ? versionIn(await query("SELECT version FROM schema_version")) : 0;
  });
}

async function advance(
  query: Query,
  dialect: Dialect,
  steps: readonly Migration[],
): Promise<MigrationReport> {
  await query(
    "CREATE TABLE IF NOT EXISTS schema_version (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL)",
  );
  await query("INSERT INTO schema_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING");
  // Writes the row as it is: another migration waits for it.
  const from = versionIn(
    await query("UPDATE schema_version SET version = version WHERE id = 1 RETURNING version"),
  );
  refuseNewer(from, steps);
  for (const step of steps.slice(from)) {
    for (const statement of statementsFor(step, dialect)) await query(statement);
  }
  await query("UPDATE schema_version SET version = $1 WHERE id = 1", [steps.length]);
  return { from, to: steps.length };
}

function versionIn(rows: readonly unknown[]): number {
  return parseRows(VersionRow, "schema_version", rows)[0]?.version ?? 0;
}

function refuseNewer(found: number, steps: readonly Migration[]): void {
  if (found <= steps.length) return;
  throw new SchemaUnusable({ kind: "newer", found, known: steps.length });
}

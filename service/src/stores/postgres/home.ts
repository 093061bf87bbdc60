import { z } from "zod";
import { parseRows } from "../sql/database.ts";
import { TABLES } from "../sql/migrations.ts";
import { NO_RIGHT_ON_SCHEMA, PostgresFault, PostgresUnusable } from "./faults.ts";

// Where the tables are. A search path decides only where new ones are made: a schema that is made later and is first in the path
// must neither hide the keys nor get a second set of them.

/** Flags come as a boolean, or as text from a driver that parses nothing. */
const Flag = z
  .union([z.boolean(), z.enum(["t", "f", "true", "false"])])
  .transform((flag) => flag === true || flag === "t" || flag === "true");
const Answer = Flag.nullable().transform((flag) => flag === true);
const LookRow = z.object({
  /** A schema with the tables, or with some that have their names; `null` when there is none. */
  schema: z.string().nullable(),
  /** Whether it has the tables of a store, and not only one by the name of one of them. */
  complete: Answer,
  /** Whether the role may look into it. */
  usable: Answer,
  /** Whether each table belongs to the role, or to one whose rights it has. */
  own: Answer,
  /** Whether each does, or belongs to the owner of the database. */
  of_database_owner: Answer,
  /** Whether each does, or belongs to the owner of the database or of the schema. */
  of_schema_owner: Answer,
  /** Where new tables would be made; `null` when the path names no existing schema. */
  first: z.string().nullable(),
  path: z.string(),
  role: z.string(),
});
export type Look = z.infer<typeof LookRow>;

const NAMES = TABLES.map((table) => `'${table}'`).join(", ");

/**
 * A SELECT of every schema of the database that has the tables, whatever the search path, with what the path says on each row. A
 * superuser has the rights of every role, which does not show whom the operator trusts.
 */
export const LOOK = `
  SELECT homes.nspname AS schema, homes.complete, homes.usable, homes.own, homes.of_database_owner, homes.of_schema_owner,
         current_schema() AS first, current_setting('search_path') AS path, current_user AS role
  FROM (SELECT 1) AS always LEFT JOIN (
    SELECT found.nspname,
           bool_or(found.relname = 'key_sets' AND found.relkind IN ('r', 'p')) AND bool_or(found.relname = 'signing_keys') AS complete,
           bool_and(found.usable) AS usable,
           bool_and(found.own) AS own,
           bool_and(found.own OR found.of_database_owner) AS of_database_owner,
           bool_and(found.own OR found.of_database_owner OR found.of_schema_owner) AS of_schema_owner
    FROM (
      SELECT n.nspname, t.relname, t.relkind,
             pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usable,
             pg_catalog.pg_has_role(t.relowner, CASE WHEN me.rolsuper THEN d.datdba ELSE t.relowner END, 'USAGE')
               AND pg_catalog.pg_has_role(t.relowner, 'USAGE') AS own,
             pg_catalog.pg_has_role(t.relowner, d.datdba, 'USAGE') AS of_database_owner,
             pg_catalog.pg_has_role(t.relowner, n.nspowner, 'USAGE') AS of_schema_owner
      FROM pg_catalog.pg_class AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
        JOIN pg_catalog.pg_database AS d ON d.datname = current_database()
        JOIN pg_catalog.pg_roles AS me ON me.rolname = current_user
      WHERE t.relname IN (${NAMES}) AND t.relpersistence <> 't'
    ) AS found
    GROUP BY found.nspname
  ) AS homes ON true
  ORDER BY homes.nspname`;

/** The schema of the tables, or where they are to be made. */
export interface Home {
  /** `undefined`: the path leads nowhere, and PostgreSQL will say so. */
  readonly schema: string | undefined;
  readonly hasTables: boolean;
}

/** Reads what `LOOK` found. */
export function parseLook(rows: readonly unknown[]): readonly Look[] {
  return parseRows(LookRow, "pg_class", rows);
}

/** A schema with the tables, as the search path and its owners make it. */
interface Candidate extends Look {
  readonly schema: string;
  readonly isInPath: boolean;
  /** Whether the operator trusts the owner of its tables: an owner can run functions as this role by triggers. */
  readonly isTrusted: boolean;
}

/**
 * The schema to use: the one that was asked for; else the only one with tables in the search path; else the only one with tables
 * anywhere that are the role's own. Throws `PostgresUnusable` when that leaves several, or only some of another owner, and `PostgresFault`
 * when the role may not look into the one to use.
 */
export function homeOf(looks: readonly Look[], wanted: string | undefined): Home {
  const all = candidatesOf(looks, wanted);
  const complete = all.filter((one) => one.complete);
  const [home, ...others] =
    wanted === undefined ? foundIn(complete) : complete.filter(({ schema }) => schema === wanted);
  if (home === undefined) return newHome(all, wanted ?? looks[0]?.first ?? undefined, wanted !== undefined);
  if (others.length > 0) throw severalHomes([home, ...others]);
  if (!home.usable) throw new PostgresFault(NO_RIGHT_ON_SCHEMA, "query");
  return { schema: home.schema, hasTables: true };
}

function foundIn(complete: readonly Candidate[]): readonly Candidate[] {
  const inPath = complete.filter(({ isInPath, isTrusted, usable }) => isInPath && (isTrusted || !usable));
  return inPath.length > 0 ? inPath : complete.filter(({ own, usable }) => own && usable);
}

/** Where tables are to be made: never beside, or among, tables of another owner that the role would use. */
function newHome(all: readonly Candidate[], schema: string | undefined, isWanted: boolean): Home {
  const foreign = all.find(
    (one) =>
      (one.schema === schema && !one.isTrusted) || (!isWanted && one.complete && one.usable && !one.own),
  );
  if (foreign !== undefined) {
    const { schema: theirs, complete } = foreign;
    throw new PostgresUnusable({ kind: "tables_of_another", schema: theirs, complete });
  }
  return { schema, hasTables: false };
}

/** The default path of every role. */
const PATH_DEFAULT = '"$user", public';

function candidatesOf(looks: readonly Look[], wanted: string | undefined): readonly Candidate[] {
  return looks.flatMap((one) => {
    const { schema, path, role } = one;
    if (schema === null) return [];
    const names = namesIn(path);
    // The default path is not an operator's choice, and anyone who may make schemas can make the one that is named like the role.
    const isChosen = schema === wanted || (path !== PATH_DEFAULT && names.includes(schema));
    const isTrusted = one.own || one.of_database_owner || (isChosen && one.of_schema_owner);
    const isInPath = names.some((name) => (name === "$user" ? role : name) === schema);
    return [{ ...one, schema, isInPath, isTrusted }];
  });
}

function severalHomes(homes: readonly Candidate[]): PostgresUnusable {
  return new PostgresUnusable({ kind: "several_schemas", schemas: homes.map(({ schema }) => schema) });
}

/** The schemas that a search path names, usable or not, as PostgreSQL reads it. */
function namesIn(path: string): readonly string[] {
  return [...path.matchAll(/"((?:[^"]|"")*)"|[^\s,"]+/g)].map(
    ([whole, quoted]) => quoted?.replaceAll('""', '"') ?? whole.toLowerCase(),
  );
}

/**
 * The statement that sets the path to the tables, for the transaction only, so that it works behind a pooler; none when the path
 * names no existing schema. `pg_temp` comes last, so that no temporary table hides one of ours. It is left out while there are no
 * tables: PostgreSQL would make them there when the schema does not exist.
 */
export function pathTo({ schema, hasTables }: Home): readonly string[] {
  if (schema === undefined) return [];
  return [`SET LOCAL search_path = ${quoted(schema)}${hasTables ? ", pg_temp" : ""}`];
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

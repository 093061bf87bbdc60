import { z } from "zod";
import { ConfigError } from "../../kernel/faults.ts";
import { printable } from "../../kernel/printable.ts";
import { parseRows } from "../sql/database.ts";
import { NO_RIGHT_ON_SCHEMA, PostgresFault } from "./faults.ts";

// Where the tables are. A search path decides only where new ones are made: a schema that is made later and comes first in the path
// must neither hide the keys nor get a second set of them.

/** Flags come as a boolean, or as text from a driver that parses nothing. */
const Flag = z
  .union([z.boolean(), z.enum(["t", "f", "true", "false"])])
  .transform((flag) => flag === true || flag === "t" || flag === "true");
const LookRow = z.object({
  /** A schema with the tables; `null` when there is none. */
  schema: z.string().nullable(),
  /** Whether the role may look into it. */
  usable: Flag.nullable(),
  /** Where new tables would be made; `null` when the path leads nowhere. */
  first: z.string().nullable(),
  path: z.string(),
  role: z.string(),
});
export type Look = z.infer<typeof LookRow>;

/** A SELECT of every schema of the database that has the tables, whatever the search path, with what the path says on each row. */
export const LOOK = `
  SELECT homes.nspname AS schema, homes.usable, current_schema() AS first,
         current_setting('search_path') AS path, current_user AS role
  FROM (SELECT 1) AS always LEFT JOIN (
    SELECT n.nspname, pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usable
    FROM pg_catalog.pg_class AS k JOIN pg_catalog.pg_namespace AS n ON n.oid = k.relnamespace
    WHERE k.relname = 'keyset' AND k.relkind IN ('r', 'p') AND k.relpersistence <> 't'
      AND EXISTS (
        SELECT 1 FROM pg_catalog.pg_class AS s WHERE s.relnamespace = n.oid AND s.relname = 'signing_keys'
      )
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

/**
 * The schema to use: the one that was asked for; else the only one with tables in the search path; else the only one with tables
 * anywhere. Throws `ConfigError` when that leaves several, and `PostgresFault` when the role may not look into the one to use.
 */
export function homeOf(looks: readonly Look[], wanted: string | undefined): Home {
  const path = looks[0] === undefined ? [] : namesIn(looks[0].path, looks[0].role);
  const all = looks.flatMap(({ schema, usable }) =>
    schema === null ? [] : [{ schema, isUsable: usable === true }],
  );
  const inPath = all.filter(({ schema }) => path.includes(schema));
  const elsewhere = all.filter(({ isUsable }) => isUsable);
  const homes =
    wanted === undefined
      ? [inPath, elsewhere].find((some) => some.length > 0)
      : all.filter(({ schema }) => schema === wanted);
  const [home, ...others] = homes ?? [];
  if (home === undefined) return { schema: wanted ?? looks[0]?.first ?? undefined, hasTables: false };
  if (others.length > 0) throw severalHomes([home, ...others].map(({ schema }) => schema));
  if (!home.isUsable) throw new PostgresFault(NO_RIGHT_ON_SCHEMA, "query");
  return { schema: home.schema, hasTables: true };
}

function severalHomes(schemas: readonly string[]): ConfigError {
  const names = schemas.map((name) => printable(name)).join(" and ");
  return new ConfigError([
    `MACP_AUTH_STORE_URL: the schemas ${names} of this database each hold a set of keys; name the one to use with schema=NAME, and drop the other when nobody uses it`,
  ]);
}

/** The schemas that a search path names, usable or not, as PostgreSQL reads it. */
function namesIn(path: string, role: string): readonly string[] {
  return [...path.matchAll(/"((?:[^"]|"")*)"|[^\s,"]+/g)].map(([whole, quoted]) => {
    const name = quoted?.replaceAll('""', '"') ?? whole.toLowerCase();
    return name === "$user" ? role : name;
  });
}

/**
 * A statement for the transaction only, so that it works behind a pooler. A temporary table of the session never comes before the
 * tables; where there are none yet, it is left out, or a schema that does not exist would have them made as temporary ones.
 */
export function setHome({ schema, hasTables }: Home): string {
  if (schema === undefined) return "";
  return `; SET LOCAL search_path = ${quoted(schema)}${hasTables ? ", pg_temp" : ""}`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

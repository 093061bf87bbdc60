import { pathToFileURL } from "node:url";
import type { LookingEngine } from "./engine.ts";
import { lookAtFiles } from "./files.ts";
import { guarded } from "./guarded.ts";

/** One row, with 1 where there are the tables that every store has. */
const HAS_TABLES = `SELECT count(*) = 3 AS has FROM sqlite_master
  WHERE type = 'table' AND name IN ('schema_version', 'key_sets', 'signing_keys')`;

/** Whether a file is a database with the tables of a store. Makes and changes no file. Throws `SqliteFailure` when it is not a database. */
export function holdsStore({ DatabaseSync }: LookingEngine, path: string, real: string): boolean {
  return guarded(path, () => {
    const { wal, shm } = lookAtFiles({ named: path, real });
    const isInUse = wal !== undefined && shm !== undefined;
    // Without both companions SQLite would make them, with the mode of the file.
    const location = isInUse ? real : `${pathToFileURL(real).href}?immutable=1`;
    const connection = new DatabaseSync(location, { readOnly: true });
    try {
      const row = connection.prepare(HAS_TABLES).get();
      return (row as { readonly has?: unknown } | undefined)?.has === 1;
    } finally {
      connection.close();
    }
  });
}

import { codeOf, messageOf } from "../../kernel/faults.ts";
import { resultCodeOf } from "./engine.ts";
import { SqliteFailure } from "./faults.ts";
import { lookAround } from "./surroundings.ts";

/** The form of Node's system error codes, such as EACCES. */
const SYSTEM_ERROR = /^E[A-Z0-9]+$/;

/**
 * Runs a call of the engine or the file system. Every exception becomes a `SqliteFailure` with the state of the file system at this
 * moment.
 */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof SqliteFailure) throw thrown;
    const around = lookAround(path);
    const code = codeOf(thrown) ?? "";
    if (SYSTEM_ERROR.test(code))
      throw new SqliteFailure({
        kind: "place",
        path,
        folder: around.folder,
        place: { kind: "unseen", code },
      });
    const [result, text] = [resultCodeOf(thrown), messageOf(thrown)];
    if (result !== undefined && UNIQUE.has(result))
      throw new SqliteFailure({ kind: "unique", ...placeIn(text) });
    const [, table] = result === SQL_ERROR ? (NO_TABLE.exec(text) ?? []) : [];
    if (table !== undefined) throw new SqliteFailure({ kind: "no_table", path, table });
    throw new SqliteFailure({ kind: "engine", code: result, text, around });
  }
}

/** SQLITE_ERROR, which is also the code of a wrong statement: only SQLite's text shows that a table is missing. */
const SQL_ERROR = 1;
const NO_TABLE = /^no such table: (\S+)$/;

/** SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE and _ROWID. */
const UNIQUE: ReadonlySet<number> = new Set([1555, 2067, 2579]);

/** SQLite gives the place of a unique violation only in its text, "UNIQUE constraint failed: t.a, t.b" or "…: index 'i'". */
function placeIn(text: string): { readonly table: string | undefined; readonly columns: string } {
  const [, columns = ""] = text.split(": ");
  return { table: /^(\w+)\./.exec(columns)?.[1], columns };
}

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Impossible } from "../../kernel/assert.ts";
import { printablePath } from "../../kernel/printable.ts";
import { StoreUnavailable } from "../../keys/key-store.ts";
import type { Database, Query } from "../sql/database.ts";
import { SQLITE_WORDS } from "./dialect.ts";
import { type Connection, loadEngine, resultCodeOf } from "./engine.ts";
import { SqliteFailure } from "./faults.ts";
import { guarded } from "./guarded.ts";
import { errorAtOpening, errorOf } from "./words.ts";

/**
 * A SQLite file to look at: no file is made, changed or left behind, in a folder that cannot be written too. Blocks while it reads, so
 * it is for a command and never for the service.
 */
export async function openSqliteToLook(named: string): Promise<Database> {
  const path = resolve(named);
  const engine: LookingEngine | undefined = await loadEngine();
  if (engine === undefined) throw errorAtOpening({ kind: "no_engine" });
  const location = readable(path);
  const connection = explained(path, () => new engine.DatabaseSync(location, { readOnly: true }));
  const query: Query = (sql, parameters = []) =>
    Promise.resolve().then(() =>
      explained(path, () => {
        const statement = connection.prepare(sql.replaceAll(/\$\d+/g, "?"));
        try {
          return statement.all(...parameters);
        } catch (thrown) {
          // The backport's all() gives no result code and its get() does.
          if (resultCodeOf(thrown) === undefined) statement.get(...parameters);
          throw thrown;
        }
      }),
    );
  return {
    words: SQLITE_WORDS,
    read: (work) => reading(path, connection, () => work(query)),
    write: () => Promise.reject(new Impossible("a store that was opened to look at is written")),
    close: () => {
      connection.close();
      return Promise.resolve();
    },
  };
}

interface LookingEngine {
  readonly DatabaseSync: new (location: string, options: { readonly readOnly: true }) => Connection;
}

/**
 * How to open a file without a trace. With `-shm` beside it the file is in use, or was left by a crash, and is read through both
 * companions. Without, SQLite would make them, so the file is read as one that does not change: nobody has it open.
 */
function readable(path: string): string {
  if (existsSync(`${path}-shm`)) return path;
  if (existsSync(`${path}-wal`))
    throw new StoreUnavailable(
      `${printablePath(path)}-wal is there without its -shm, and cannot be read without a change`,
      "start the service, or: macp-auth migrate",
    );
  return `${pathToFileURL(path).href}?immutable=1`;
}

async function reading<T>(path: string, connection: Connection, work: () => Promise<T>): Promise<T> {
  explained(path, () => {
    connection.exec("BEGIN");
  });
  try {
    return await work();
  } finally {
    connection.exec("ROLLBACK");
  }
}

/** Runs what the engine does; its fault becomes the error that says what can be done. */
function explained<T>(path: string, run: () => T): T {
  try {
    return guarded(path, run);
  } catch (thrown) {
    throw thrown instanceof SqliteFailure ? errorOf(thrown.fault) : thrown;
  }
}

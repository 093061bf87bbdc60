import { existsSync, realpathSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { Parameter } from "../sql/database.ts";
import { type Connection, type LookingEngine, queryOn } from "./engine.ts";
import { SqliteFailure } from "./faults.ts";
import { lookAtFiles, type StoreFiles } from "./files.ts";
import { guarded } from "./guarded.ts";

/**
 * A SQLite database to look at: no file is made, changed or left behind, in a folder that cannot be written too. Methods throw
 * `SqliteFailure`. Blocks: for a worker.
 */
export class LookedAtFile {
  readonly #path: string;
  readonly #connection: Connection;

  constructor(engine: LookingEngine, path: string) {
    this.#path = path;
    const location = readable(guarded(path, () => realpathSync(path)));
    this.#connection = guarded(path, () => new engine.DatabaseSync(location, { readOnly: true }));
  }

  get files(): StoreFiles {
    return lookAtFiles({ named: this.#path, real: this.#path });
  }

  begin(): void {
    guarded(this.#path, () => {
      this.#connection.exec("BEGIN");
    });
  }

  query(sql: string, parameters: readonly Parameter[]): unknown[] {
    return guarded(this.#path, () => queryOn(this.#connection, sql, parameters));
  }

  /** Nothing was changed. */
  commit(): void {
    this.rollback();
  }

  /** Never throws: SQLite itself may have ended the transaction. */
  rollback(): void {
    try {
      this.#connection.exec("ROLLBACK");
    } catch {
      // There is nothing to end.
    }
  }

  close(): void {
    this.#connection.close();
  }
}

/**
 * How to open a file without a trace. With `-shm` beside it the file is in use, or was left by a crash, and is read through both
 * companions. Without, SQLite would make them, so the file is read as one that does not change: nobody has it open.
 */
function readable(path: string): string {
  if (existsSync(`${path}-shm`)) return path;
  if (existsSync(`${path}-wal`)) throw new SqliteFailure({ kind: "unshared", path });
  return `${pathToFileURL(path).href}?immutable=1`;
}

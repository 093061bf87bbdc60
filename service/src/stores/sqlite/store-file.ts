import { realpathSync } from "node:fs";
import type { Parameter } from "../sql/database.ts";
import { SqliteFailure } from "./faults.ts";
import { faultOfFiles, lookAtFiles, type StoreFiles, type StorePaths } from "./files.ts";
import { guarded } from "./guarded.ts";
import { BUSY_MS_MAX, type OpenDeps, type Opened, openStable } from "./open-stable.ts";
import { Statements } from "./statements.ts";

/** How long a commit waits for readers of an older state before it leaves its pages in `-wal`. */
const READERS_MS_MAX = 100;

/** How a transaction begins: to read, or to write. */
export type Begin = "BEGIN" | "BEGIN IMMEDIATE";

/**
 * A SQLite database that is the file at its path, or fails: the files at the path are compared with the open ones before each
 * transaction, before each commit and after it. Methods throw `SqliteFailure`. Blocks: for a worker.
 */
export class StoreFile {
  readonly #paths: StorePaths;
  readonly #opened: Opened;
  readonly #statements: Statements;
  #writes = false;

  /** Opens the file, which must be there. `first` is what an earlier opening of this process found. */
  constructor(deps: OpenDeps, path: string, first: StoreFiles | undefined) {
    this.#paths = guarded(path, () => ({ named: path, real: realpathSync(path) }));
    this.#opened = openStable(deps, this.#paths, first);
    this.#statements = new Statements(this.#opened.connection);
  }

  get files(): StoreFiles {
    return this.#opened.files;
  }

  begin(statement: Begin): void {
    this.#checkFiles();
    this.#writes = statement !== "BEGIN";
    // The pages in memory may be of a file that was overwritten in place: read from the disk.
    this.#exec(`PRAGMA shrink_memory; ${statement}`);
  }

  query(sql: string, parameters: readonly Parameter[]): unknown[] {
    return guarded(this.#paths.named, () => this.#statements.run(sql, parameters));
  }

  /** `mayStayInLog`: the disk is waited for once and not three times; the next commit without it, or 16 MB of log, moves what is left. */
  commit(mayStayInLog: boolean): void {
    this.#checkFiles();
    this.#exec("COMMIT");
    if (this.#writes && !mayStayInLog) this.#checkpoint();
    this.#checkFiles("commit");
  }

  /** Never throws: SQLite itself may have rolled the transaction back. */
  rollback(): void {
    try {
      this.#opened.connection.exec("ROLLBACK");
    } catch {
      // There is nothing to roll back.
    }
  }

  close(): void {
    this.#opened.connection.close();
  }

  /**
   * Writes what was committed from `-wal` into the database itself before it is acknowledged. So it is also in a copy of only the
   * file, and survives the loss of `-wal` in a crash or by another program. Waits a little for readers.
   */
  #checkpoint(): void {
    const { connection } = this.#opened;
    try {
      connection.exec(`PRAGMA busy_timeout = ${String(READERS_MS_MAX)}; PRAGMA wal_checkpoint(FULL)`);
    } catch {
      // The commit is durable without it, and the next one writes it. A disk that failed is found by the next transaction.
    }
    connection.exec(`PRAGMA busy_timeout = ${String(BUSY_MS_MAX)}`);
  }

  #exec(sql: string): void {
    guarded(this.#paths.named, () => {
      this.#opened.connection.exec(sql);
    });
  }

  #checkFiles(during?: "commit"): void {
    const path = this.#paths.named;
    const seen = guarded(path, () => lookAtFiles(this.#paths));
    const files = faultOfFiles(this.#opened.files, seen);
    if (files !== undefined)
      throw new SqliteFailure({ kind: "files", path, files, ...(during && { during }) });
  }
}

import { existsSync, realpathSync, statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { Parameter } from "../sql/database.ts";
import type { Connection, LookingEngine } from "./engine.ts";
import { SqliteFailure } from "./faults.ts";
import { lookAtFiles, type StoreFiles } from "./files.ts";
import { guarded } from "./guarded.ts";
import { Statements } from "./statements.ts";

/**
 * A SQLite database that is only read: no file is made or changed. Works in a folder that cannot be written too. Methods throw
 * `SqliteFailure`. Blocks: for a worker.
 */
export class LookedAtFile {
  readonly #path: string;
  readonly #connection: Connection;
  readonly #statements: Statements;
  /** The file when it was opened as one that does not change; `undefined` when SQLite itself handles changes. */
  readonly #still: Still | undefined;

  constructor(engine: LookingEngine, path: string) {
    this.#path = path;
    const real = guarded(path, () => realpathSync(path));
    const stamp = guarded(path, () => stampOf(real));
    const location = readable(real);
    this.#still = location === real ? undefined : { real, stamp };
    this.#connection = guarded(path, () => new engine.DatabaseSync(location, { readOnly: true }));
    this.#statements = new Statements(this.#connection);
  }

  get files(): StoreFiles {
    return lookAtFiles({ named: this.#path, real: this.#path });
  }

  begin(): void {
    this.#insistOnStill();
    guarded(this.#path, () => {
      this.#connection.exec("BEGIN");
    });
  }

  query(sql: string, parameters: readonly Parameter[]): unknown[] {
    try {
      return guarded(this.#path, () => this.#statements.run(sql, parameters));
    } catch (thrown) {
      // Pages of two moments do not fit together.
      this.#insistOnStill();
      throw thrown;
    }
  }

  /** Nothing was changed, by anyone. */
  commit(): void {
    this.rollback();
    this.#insistOnStill();
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

  #insistOnStill(): void {
    if (this.#still === undefined || isStill(this.#still)) return;
    throw new SqliteFailure({ kind: "moved_on", path: this.#path });
  }
}

/** The target file of symbolic links, and what shows that it has changed. */
interface Still {
  readonly real: string;
  readonly stamp: string;
}

function stampOf(real: string): string {
  const { dev, ino, size, mtimeNs } = statSync(real, { bigint: true });
  return [dev, ino, size, mtimeNs].join(" ");
}

function isStill({ real, stamp }: Still): boolean {
  try {
    return !existsSync(`${real}-wal`) && !existsSync(`${real}-shm`) && stampOf(real) === stamp;
  } catch {
    return false;
  }
}

/**
 * How to open a file without changing anything. With both companions beside it the file is in use, or was left by a crash, and is
 * read through them. Without any, SQLite would make them, so the file is read as one that does not change: no process has it open.
 * With one of the two SQLite would make the other, and a process that has the old one open could no longer detect that it was
 * removed.
 */
function readable(path: string): string {
  const hasWal = existsSync(`${path}-wal`);
  const hasShm = existsSync(`${path}-shm`);
  if (hasWal !== hasShm)
    throw new SqliteFailure({ kind: "unshared", path, missing: hasWal ? "-shm" : "-wal" });
  return hasWal ? path : `${pathToFileURL(path).href}?immutable=1`;
}

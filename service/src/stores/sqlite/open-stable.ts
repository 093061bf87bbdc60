import { pathToFileURL } from "node:url";
import type { Stopwatch } from "../../kernel/clock.ts";
import { type Connection, type Engine, isBusy } from "./engine.ts";
import { SqliteFailure, type SqliteFault } from "./faults.ts";
import {
  type FilesFault,
  isEmptied,
  isSameFile,
  lookAtFiles,
  type StoreFiles,
  type StorePaths,
} from "./files.ts";
import { guarded } from "./guarded.ts";

/** A connection, and the files that it has open. */
export interface Opened {
  readonly connection: Connection;
  readonly files: StoreFiles;
}

export interface OpenDeps {
  readonly engine: Engine;
  readonly stopwatch: Stopwatch;
}

/** How long a statement waits for a lock of another process. */
export const BUSY_MS_MAX = 1_500;
/** How long an opening waits for other processes that open or close the file at the same moment. */
const OPENING_SECONDS_MAX = 2;
const OPENING_PAUSE_MS = 20;

/**
 * Opens the database, and repeats that until its files were the same before and after. Makes no database file. `first` is what an
 * earlier opening of this process found: another file is not opened in its place. Throws `SqliteFailure`.
 */
export function openStable(
  { engine, stopwatch }: OpenDeps,
  paths: StorePaths,
  first: StoreFiles | undefined,
): Opened {
  for (const end = stopwatch.elapsed() + OPENING_SECONDS_MAX; ; ) {
    const attempt = tryOpen(engine, paths, first);
    if ("connection" in attempt) return attempt;
    if (stopwatch.elapsed() >= end) throw new SqliteFailure(attempt);
    pause(OPENING_PAUSE_MS);
  }
}

/** The database with its files, or why it cannot be opened now. */
function tryOpen(engine: Engine, paths: StorePaths, first: StoreFiles | undefined): Opened | SqliteFault {
  const path = paths.named;
  const before = guarded(path, () => lookAtFiles(paths));
  const files = faultBefore(before, first);
  if (files !== undefined) throw new SqliteFailure({ kind: "files", path, files });

  const hasCompanions = before.wal !== undefined && before.shm !== undefined;
  if (!hasCompanions && !isAlone(engine, paths)) return { kind: "split", path };
  const opened = open(engine, paths);
  if (opened === undefined) return { kind: "locked", path };
  if (isSettled(before, opened.files, hasCompanions)) return opened;
  opened.connection.close();
  // Without another process, only a file system that cannot hold a write-ahead log makes SQLite not use one.
  return { kind: opened.files.wal === undefined ? "no_wal" : "split", path };
}

function faultBefore(files: StoreFiles, first: StoreFiles | undefined): FilesFault | undefined {
  if (files.database === undefined) return { kind: "removed" };
  if (first !== undefined && !isSameFile(first.database, files.database)) return { kind: "replaced" };
  return isEmptied(files) ? { kind: "emptied" } : undefined;
}

/** The files that were there before are those that are open; those that were not are there now. */
function isSettled(before: StoreFiles, opened: StoreFiles, hadCompanions: boolean): boolean {
  if (opened.wal === undefined || opened.shm === undefined) return false;
  return (
    isSameFile(before.database, opened.database) &&
    (!hadCompanions || (isSameFile(before.wal, opened.wal) && isSameFile(before.shm, opened.shm)))
  );
}

/**
 * Whether no other process has the database open. Where a companion is missing only that makes it safe to continue: another process
 * may still have the removed file open, and would overwrite what is committed beside it. Takes the lock on the database itself that
 * every connection shares, and by that makes no `-shm`.
 */
function isAlone(engine: Engine, paths: StorePaths): boolean {
  return (
    connect(engine, paths, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT", (connection) => {
      connection.close();
      return true;
    }) ?? false
  );
}

/** `undefined` when another process holds a lock. */
function open(engine: Engine, paths: StorePaths): Opened | undefined {
  // WAL: readers never wait for a writer. FULL: what was committed survives a power cut. The first look opens the companions. A log of
  // 16 MB holds the pages that entries of the ledger change again and again, and 16 MB of memory those of one transaction.
  const sql = `PRAGMA busy_timeout = ${String(BUSY_MS_MAX)}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16000; BEGIN; SELECT count(*) FROM sqlite_master; COMMIT`;
  return connect(engine, paths, sql, (connection) => ({ connection, files: lookAtFiles(paths) }));
}

/**
 * Opens a connection, runs SQL on it and returns it; `undefined` when there was a lock. Closes the connection when it does not
 * return it. No statement is prepared: the backport's close() leaves the database open as long as one was not collected.
 */
function connect<T>(
  { DatabaseSync }: Engine,
  { named, real }: StorePaths,
  sql: string,
  use: (connection: Connection) => T,
): T | undefined {
  return guarded(named, () => {
    // A URI, for its mode: a database that was just removed must not be made again.
    const connection = new DatabaseSync(`${pathToFileURL(real).href}?mode=rw`);
    try {
      connection.exec(sql);
      return use(connection);
    } catch (thrown) {
      connection.close();
      if (isBusy(thrown)) return undefined;
      throw thrown;
    }
  });
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

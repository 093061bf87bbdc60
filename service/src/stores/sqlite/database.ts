import { closeSync, openSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { ConfigError, codeOf, messageOf } from "../../kernel/faults.ts";
import { StoreCorrupt, StoreUnavailable } from "../../keys/key-store.ts";
import type { Database, Parameter, Query } from "../sql/database.ts";

/** What the worker is asked, one request at a time. */
export type Request =
  | { readonly kind: "query"; readonly sql: string; readonly parameters: readonly Parameter[] }
  | { readonly kind: "close" };
/** What it answers. The first answer tells whether the database is open. */
export type Answer =
  | { readonly kind: "rows"; readonly rows: unknown[] }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "no_engine" };

/** The worker is built code, also when tests run the sources. */
const WORKER = import.meta.url.endsWith(".ts")
  ? new URL("../../../dist/stores/sqlite/worker.js", import.meta.url)
  : new URL("./worker.js", import.meta.url);

/**
 * A SQLite file, made with mode 0600 where there is none; its -wal and -shm files get the mode of the file. Any number of processes
 * of one machine may have it open. Transactions of one process follow each other.
 */
export async function openSqlite(path: string): Promise<Database> {
  makePrivateFile(path);
  const line = await openLine(path);
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(begin: string, work: (query: Query) => Promise<T>): Promise<T> => {
    const turn = last.then(() => transaction(line.query, begin, work));
    last = turn.catch(() => undefined);
    return turn;
  };
  return {
    words: {
      now: "SELECT unixepoch() AS now",
      tables: "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
    },
    read: (work) => inTurn("BEGIN", work),
    write: (work) => inTurn("BEGIN IMMEDIATE", work),
    close: () => last.then(line.close),
  };
}

async function transaction<T>(query: Query, begin: string, work: (query: Query) => Promise<T>): Promise<T> {
  await query(begin);
  try {
    const result = await work(query);
    await query("COMMIT");
    return result;
  } catch (thrown) {
    // SQLite itself may have taken the transaction back; then there is nothing to do.
    await query("ROLLBACK").catch(() => undefined);
    throw thrown;
  }
}

/** SQLite would make the file readable by everyone whom the umask lets. */
function makePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, "a", 0o600));
  } catch (thrown) {
    const why = codeOf(thrown) ?? messageOf(thrown);
    throw new ConfigError([
      `MACP_AUTH_STORE_URL: the SQLite file cannot be opened for writing (${why}); name a file in a directory that exists and that this user may write`,
    ]);
  }
}

interface Line {
  readonly query: Query;
  readonly close: () => Promise<void>;
}

/** Starts the worker and resolves once it has the file open. */
async function openLine(path: string): Promise<Line> {
  const worker = new Worker(WORKER, {
    workerData: path,
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const next = answersOf(worker);
  const ask = (request: Request): Promise<Answer> => {
    worker.postMessage(request);
    return next();
  };
  const opened = await next();
  if (opened.kind !== "rows") await worker.terminate();
  rowsOf(opened);
  return {
    query: async (sql, parameters = []) =>
      rowsOf(await ask({ kind: "query", sql: sql.replaceAll(/\$\d+/g, "?"), parameters })),
    close: async () => {
      // Answered by the worker's end.
      await ask({ kind: "close" });
    },
  };
}

/** The worker's answers, in the order of the requests; when it ends, the rest are failures. */
function answersOf(worker: Worker): () => Promise<Answer> {
  const ENDED: Answer = { kind: "failed", reason: "the worker ended" };
  const waiting: ((answer: Answer) => void)[] = [];
  let ended = false;
  worker.on("message", (answer: Answer) => waiting.shift()?.(answer));
  // "exit" follows and tells everyone who waits.
  worker.on("error", () => undefined);
  worker.on("exit", () => {
    ended = true;
    for (const tell of waiting.splice(0)) tell(ENDED);
  });
  return () =>
    new Promise((resolve) => {
      if (ended) resolve(ENDED);
      else waiting.push(resolve);
    });
}

function rowsOf(answer: Answer): readonly unknown[] {
  if (answer.kind === "rows") return answer.rows;
  if (answer.kind === "no_engine") {
    throw new ConfigError([
      "MACP_AUTH_STORE_URL: this Node.js has no SQLite; run Node.js 22.13 or newer, or: npm install @photostructure/sqlite",
    ]);
  }
  if (/malformed|not a database/.test(answer.reason)) throw new StoreCorrupt(`SQLite: ${answer.reason}`);
  throw new StoreUnavailable(`SQLite: ${answer.reason}`);
}

import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../kernel/faults.ts";
import type { Answer, Request } from "./database.ts";

/**
 * Runs SQL off the event loop, because SQLite is synchronous and a commit waits for the disk. One request at a time, one answer to
 * each; the first answer tells that the database is open.
 */

/** What is used of the engine; `node:sqlite` and its backport have the same form. */
interface Engine {
  readonly DatabaseSync: new (path: string) => Connection;
}

interface Connection {
  exec(sql: string): void;
  prepare(sql: string): { all(...parameters: readonly (string | number | null)[]): unknown[] };
  close(): void;
}

const BUSY_MS_MAX = 1_500;
const BUILT_IN = "node:sqlite";
/** The one that is in Node itself (22.13 and newer), else its backport. */
const ENGINES: readonly (() => Promise<unknown>)[] = [
  () => import(BUILT_IN),
  () => import("@photostructure/sqlite"),
];

async function engine(): Promise<Engine | undefined> {
  for (const load of ENGINES) {
    try {
      return (await load()) as Engine;
    } catch {
      // Not in this Node, or not installed: the next one.
    }
  }
  return undefined;
}

function open({ DatabaseSync }: Engine, path: string): Connection {
  const connection = new DatabaseSync(path);
  // WAL: readers never wait for a writer. FULL: what was committed survives a power cut.
  connection.exec(
    `PRAGMA busy_timeout = ${String(BUSY_MS_MAX)}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON`,
  );
  return connection;
}

function answerTo(work: () => unknown[]): Answer {
  try {
    return { kind: "rows", rows: work() };
  } catch (thrown) {
    return { kind: "failed", reason: messageOf(thrown) };
  }
}

const port = parentPort;
if (port !== null) {
  const found = await engine();
  let connection: Connection | undefined;
  const first: Answer =
    found === undefined
      ? { kind: "no_engine" }
      : answerTo(() => {
          connection = open(found, workerData as string);
          return [];
        });
  port.on("message", (request: Request) => {
    if (request.kind === "query") {
      port.postMessage(answerTo(() => connection?.prepare(request.sql).all(...request.parameters) ?? []));
    } else {
      connection?.close();
      port.close();
    }
  });
  port.postMessage(first);
}

import { parentPort, workerData } from "node:worker_threads";
import { systemStopwatch } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/faults.ts";
import { systemUserId } from "../../kernel/user.ts";
import type { Answer, Place, Request } from "./database.ts";
import { loadEngine } from "./engine.ts";
import { SqliteFailure } from "./faults.ts";
import { LookedAtFile } from "./looked-at-file.ts";
import { preparePlace, warningsOfOpenModes } from "./prepare-place.ts";
import { StoreFile } from "./store-file.ts";
import { lookAround } from "./surroundings.ts";

/**
 * Runs SQL off the event loop, because SQLite is synchronous and a commit waits for the disk. One request at a time, one answer to
 * each; the first answer says whether the database is open.
 */

const { path, first, access } = workerData as Place;

function answerTo(work: () => Answer): Answer {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof SqliteFailure) return { kind: "failed", fault: thrown.fault };
    const fault = {
      kind: "engine",
      code: undefined,
      text: messageOf(thrown),
      around: lookAround(path),
    } as const;
    return { kind: "failed", fault };
  }
}

const port = parentPort;
if (port !== null) {
  const engine = await loadEngine();
  let file: StoreFile | LookedAtFile | undefined;
  const opening = answerTo(() => {
    if (engine === undefined) throw new SqliteFailure({ kind: "no_engine" });
    if (access === "look") {
      file = new LookedAtFile(engine, path);
      return { kind: "opened", warnings: warningsOfOpenModes(path), files: file.files };
    }
    // Only a first opening makes the file: one that is gone later was removed.
    const warnings = first === undefined ? preparePlace({ engine, userId: systemUserId() }, path) : [];
    file = new StoreFile({ engine, stopwatch: systemStopwatch }, path, first);
    return { kind: "opened", warnings, files: file.files };
  });
  port.on("message", (request: Request) => {
    if (request.kind !== "close") {
      port.postMessage(answerTo(() => ({ kind: "rows", rows: carryOut(file, request) })));
      return;
    }
    file?.close();
    port.close();
  });
  port.postMessage(opening);
}

function carryOut(
  file: StoreFile | LookedAtFile | undefined,
  request: Exclude<Request, { kind: "close" }>,
): unknown[] {
  switch (request.kind) {
    case "begin":
      file?.begin(request.statement);
      return [];
    case "query":
      return file?.query(request.sql, request.parameters) ?? [];
    case "commit":
      file?.commit();
      return [];
    case "rollback":
      file?.rollback();
      return [];
  }
}

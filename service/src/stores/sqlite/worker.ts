import { parentPort, workerData } from "node:worker_threads";
import { systemStopwatch } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/faults.ts";
import type { Answer, Place, Request, Step } from "./database.ts";
import { loadEngine } from "./engine.ts";
import { SqliteFailure, type SqliteFault } from "./faults.ts";
import { LookedAtFile } from "./looked-at-file.ts";
import { preparePlace, warningsOfOpenModes } from "./prepare-place.ts";
import { StoreFile } from "./store-file.ts";
import { lookAround } from "./surroundings.ts";

/**
 * Runs SQL off the event loop, because SQLite is synchronous and a commit waits for the disk. One request at a time, one answer to
 * each; the first answer says whether the database is open. A request holds as many steps as were known when it was sent: a message
 * to another thread and back costs more than most statements.
 */

const { path, first, access } = workerData as Place;

function faultOf(thrown: unknown): SqliteFault {
  if (thrown instanceof SqliteFailure) return thrown.fault;
  return { kind: "engine", code: undefined, text: messageOf(thrown), around: lookAround(path) };
}

const port = parentPort;
if (port !== null) {
  const engine = await loadEngine();
  let file: StoreFile | LookedAtFile | undefined;
  const open = (): Answer => {
    if (engine === undefined) throw new SqliteFailure({ kind: "no_engine" });
    if (access === "look") {
      file = new LookedAtFile(engine, path);
      return { kind: "opened", warnings: warningsOfOpenModes(path), files: file.files };
    }
    // Only the first opening makes the file: one that is missing later was removed.
    const warnings = first === undefined ? preparePlace({ engine, userId: process.geteuid?.() }, path) : [];
    file = new StoreFile({ engine, stopwatch: systemStopwatch }, path, first);
    return { kind: "opened", warnings, files: file.files };
  };
  port.on("message", (request: Request) => {
    if (request !== "close") {
      port.postMessage(answerTo(file, request));
      return;
    }
    file?.close();
    port.close();
  });
  try {
    port.postMessage(open());
  } catch (thrown) {
    port.postMessage({ kind: "failed", fault: faultOf(thrown) } satisfies Answer);
  }
}

/** Executes the steps in their order, up to the first that fails. */
function answerTo(file: StoreFile | LookedAtFile | undefined, steps: readonly Step[]): Answer {
  const rows: unknown[][] = [];
  try {
    for (const step of steps) rows.push(carryOut(file, step));
    return { kind: "rows", rows, fault: undefined };
  } catch (thrown) {
    return { kind: "rows", rows, fault: faultOf(thrown) };
  }
}

function carryOut(file: StoreFile | LookedAtFile | undefined, step: Step): unknown[] {
  switch (step.kind) {
    case "begin":
      file?.begin(step.statement);
      return [];
    case "query":
      return file?.query(step.sql, step.parameters) ?? [];
    case "commit":
      file?.commit(step.mayStayInLog);
      return [];
    case "rollback":
      file?.rollback();
      return [];
  }
}

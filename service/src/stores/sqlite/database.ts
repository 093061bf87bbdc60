import { resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { Impossible } from "../../kernel/assert.ts";
import { messageOf } from "../../kernel/faults.ts";
import { oneAtATime } from "../../kernel/one-at-a-time.ts";
import type { Database, KnownStatement, Parameter, Query, Rows, WriteHow } from "../sql/database.ts";
import { SQLITE } from "./dialect.ts";
import { errorAtOpening, errorOf, type SqliteFault } from "./faults.ts";
import type { StoreFiles } from "./files.ts";
import type { PlaceWarning } from "./prepare-place.ts";
import type { Begin } from "./store-file.ts";

/** What the worker opens. `first` is what an earlier worker of this process found there; `undefined` for the first one, which may make the file. */
export interface Place {
  readonly path: string;
  readonly first: StoreFiles | undefined;
  /** `look`: nothing is made or changed. */
  readonly access: "change" | "look";
}

/** A message to the worker: steps in their order, or to end. */
export type Request = readonly Step[] | "close";
export type Step =
  | { readonly kind: "begin"; readonly statement: Begin }
  | { readonly kind: "query"; readonly sql: string; readonly parameters: readonly Parameter[] }
  | { readonly kind: "commit"; readonly mayStayInLog: boolean }
  | { readonly kind: "rollback" };
/** Its answer. The first one says whether the database is open; `rows` has those of each step up to the one that failed. */
export type Answer =
  | { readonly kind: "opened"; readonly warnings: readonly PlaceWarning[]; readonly files: StoreFiles }
  | { readonly kind: "failed"; readonly fault: SqliteFault }
  | { readonly kind: "rows"; readonly rows: unknown[][]; readonly fault: SqliteFault | undefined };

/** The worker is built code, also when tests run the sources. */
const WORKER = import.meta.url.endsWith(".ts")
  ? new URL("../../../dist/stores/sqlite/worker.js", import.meta.url)
  : new URL("./worker.js", import.meta.url);

const LOOKS_MAX = 3;

/**
 * A SQLite file, made with mode 0600 where there is none; its -wal and -shm files get the mode of the file. Any number of processes
 * of one machine may have it open. Transactions of one process follow each other. `warn` gets warnings about its files.
 *
 * When -wal or -shm is removed, this process is one of those that still have their content. The transaction fails and the worker
 * ends; the last such process to do so writes that content into the database; the next transaction reopens the file. No process can
 * have written past them meanwhile: one that finds one of the two missing continues only when it can lock out all others.
 */
export async function openSqlite(
  path: string,
  warn: (warning: PlaceWarning) => void = () => undefined,
  access: Place["access"] = "change",
): Promise<Database> {
  const place: Place = { path: resolve(path), first: undefined, access };
  const first = await openLine(place, errorAtOpening);
  for (const warning of first.warnings) warn(warning);

  let line: Line | undefined = first;
  const run = async <T>(work: (line: Line) => Promise<T>): Promise<T> => {
    line ??= await openLine({ ...place, first: first.files }, errorOf);
    const open = line;
    try {
      return await work(open);
    } finally {
      if (open.isLost()) {
        line = undefined;
        await open.end();
      }
    }
  };
  /** A file that is only read is read again when another process begins to use it meanwhile. */
  const settled = async <T>(work: (line: Line) => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await run(work);
      } catch (thrown) {
        if (access !== "look" || line !== undefined || tries === LOOKS_MAX) throw thrown;
      }
    }
  };
  // One queue, for reads too. SQLite has one writer at a time, and a connection one transaction; a second connection would be a
  // second thread with its own memory, for one read every ten seconds. Many rows go into one transaction instead.
  const inTurn = oneAtATime();
  return {
    dialect: SQLITE,
    read: (work) => inTurn(() => settled((open) => transaction(open, "BEGIN", work))),
    write: (work, how) => inTurn(() => settled((open) => transaction(open, "BEGIN IMMEDIATE", work, how))),
    writeKnown: (statements, how) => inTurn(() => settled((open) => knownTransaction(open, statements, how))),
    close: () => inTurn(async () => line?.close()),
  };
}

async function transaction<T>(
  { ask }: Line,
  begin: Begin,
  work: (query: Query) => Promise<T>,
  { first, mayStayInLog = false }: WriteHow = {},
): Promise<T> {
  let isOver = false;
  const faults: unknown[] = [];
  /** A statement that failed leaves the rest of a SQLite transaction standing: it goes no further here either. */
  const goOn = (): void => {
    if (faults.length > 0) throw faults[0];
  };
  const query: Query = async (sql, parameters = []) => {
    // Outside of the transaction it would be committed by itself.
    if (isOver) throw new Impossible("a statement came after the end of its transaction");
    goOn();
    return ask({ kind: "query", sql, parameters }).catch((thrown: unknown) => {
      faults.push(thrown);
      throw thrown;
    });
  };
  try {
    // Not awaited: it is sent in one message with the first statements, which are not executed when it fails.
    const begun = ask({ kind: "begin", statement: begin });
    const opening = first === undefined ? undefined : query(first);
    const [result] = await Promise.all([asked(work, query), begun, opening]);
    isOver = true;
    goOn();
    await ask({ kind: "commit", mayStayInLog });
    return result;
  } catch (thrown) {
    isOver = true;
    await ask({ kind: "rollback" }).catch(() => undefined);
    throw thrown;
  }
}

/** One message, with the commit in it: the engine waits for nobody between the statements and the disk. */
async function knownTransaction(
  { ask }: Line,
  statements: readonly KnownStatement[],
  { first, mayStayInLog = false }: WriteHow = {},
): Promise<readonly Rows[]> {
  const opening = first === undefined ? [] : [{ sql: first, parameters: [] }];
  const steps: readonly Step[] = [...opening, ...statements].map((one) => ({ kind: "query", ...one }));
  try {
    const [, ...rows] = await Promise.all([
      ask({ kind: "begin", statement: "BEGIN IMMEDIATE" }),
      ...steps.map((step) => ask(step)),
      ask({ kind: "commit", mayStayInLog }),
    ]);
    return rows.slice(opening.length, -1);
  } catch (thrown) {
    await ask({ kind: "rollback" }).catch(() => undefined);
    throw thrown;
  }
}

/** An exception before its first wait becomes a rejection too. */
async function asked<T>(work: (query: Query) => Promise<T>, query: Query): Promise<T> {
  return work(query);
}

/** A worker that has the file open. */
interface Line {
  readonly warnings: readonly PlaceWarning[];
  readonly files: StoreFiles;
  /**
   * The rows, or nothing; rejects with the error of the fault. Steps without a wait in between are sent in one message; when one
   * fails, those after it in the message are not executed and reject with the same error.
   */
  readonly ask: (step: Step) => Promise<readonly unknown[]>;
  /** Whether the worker must not be used again. */
  readonly isLost: () => boolean;
  readonly close: () => Promise<void>;
  /** Ends the worker, whatever it is doing. That closes its connection, with every statement that was not collected yet. */
  readonly end: () => Promise<unknown>;
}

/** Starts a worker and resolves once it has the file open; rejects with what `errorFor` makes of the fault. */
async function openLine(place: Place, errorFor: (fault: SqliteFault) => Error): Promise<Line> {
  const worker = new Worker(WORKER, {
    workerData: place,
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const next = answersOf(worker);
  const send = (request: Request): Promise<Answer> => {
    worker.postMessage(request);
    return next();
  };
  const opened = await next();
  if (opened.kind !== "opened") {
    await worker.terminate();
    throw errorFor(opened.kind === "failed" ? opened.fault : { kind: "worker_ended" });
  }
  let isLost = false;
  const carryOut = async (steps: readonly Step[]): Promise<Outcome> => {
    const answer = await send(steps);
    if (answer.kind === "rows" && answer.fault === undefined) return { rows: answer.rows, fault: undefined };
    const fault = (answer.kind === "opened" ? undefined : answer.fault) ?? { kind: "worker_ended" };
    isLost ||= losesWorker(fault);
    return { rows: answer.kind === "rows" ? answer.rows : [], fault: errorOf(fault) };
  };
  return {
    ...opened,
    isLost: () => isLost,
    ask: gathered(carryOut),
    close: async () => {
      // Answered by the worker's end.
      await send("close");
    },
    end: () => worker.terminate(),
  };
}

/** The rows of the executed steps, and why the next one failed. */
interface Outcome {
  readonly rows: readonly (readonly unknown[])[];
  readonly fault: Error | undefined;
}

/** Accepts steps one by one, and sends those without a wait in between together. */
function gathered(carryOut: (steps: readonly Step[]) => Promise<Outcome>): Line["ask"] {
  let waiting: { readonly step: Step; readonly settle: (outcome: Outcome, place: number) => void }[] = [];
  const flush = async (): Promise<void> => {
    const sent = waiting;
    waiting = [];
    const answer = await carryOut(sent.map(({ step }) => step)).catch((thrown: unknown) => ({
      rows: [],
      fault: new Impossible(messageOf(thrown)),
    }));
    for (const [place, { settle }] of sent.entries()) settle(answer, place);
  };
  return (step) =>
    new Promise((resolvePromise, reject) => {
      const settle = ({ rows, fault }: Outcome, place: number): void => {
        const own = rows[place];
        if (own === undefined) reject(fault ?? new Impossible("a step has rows or a fault"));
        else resolvePromise(own);
      };
      if (waiting.length === 0) queueMicrotask(() => void flush());
      waiting.push({ step, settle });
    });
}

function losesWorker(fault: SqliteFault): boolean {
  return (
    ["worker_ended", "moved_on"].includes(fault.kind) ||
    (fault.kind === "files" && fault.files.kind === "companion")
  );
}

/** The worker's answers, in the order of the requests; when it ends, the rest are failures. */
function answersOf(worker: Worker): () => Promise<Answer> {
  const ENDED: Answer = { kind: "failed", fault: { kind: "worker_ended" } };
  const waiting: ((answer: Answer) => void)[] = [];
  let ended = false;
  worker.on("message", (answer: Answer) => waiting.shift()?.(answer));
  // "exit" follows and answers all pending requests.
  worker.on("error", () => undefined);
  worker.on("exit", () => {
    ended = true;
    for (const answer of waiting.splice(0)) answer(ENDED);
  });
  return () =>
    new Promise((resolvePromise) => {
      if (ended) resolvePromise(ENDED);
      else waiting.push(resolvePromise);
    });
}

import { Worker } from "node:worker_threads";
import { printablePath } from "../../files/printable-path.ts";
import { codeOf, messageOf } from "../../kernel/faults.ts";
import type { Timers } from "../../kernel/timers.ts";
import type { DocumentTask } from "./document-thread.ts";
import type { DocumentRead } from "./read-document.ts";

/** Node runs only JavaScript in a thread, so from the sources the built thread is used. */
const THREAD = import.meta.url.endsWith(".ts")
  ? new URL("../../../dist/wiring/access/document-thread.js", import.meta.url)
  : new URL("./document-thread.js", import.meta.url);

/** The largest document that is allowed takes a part of this. */
const READ_MS_MAX = 120_000;

/** What Node says of a thread whose heap reached its limit, which it makes of the memory of the machine or the container. */
const OUT_OF_MEMORY = "ERR_WORKER_OUT_OF_MEMORY";

/** Reads an access document in a thread of its own, so that no mint waits for it. A thread that fails is a fault of the document. */
export async function readDocumentApart(
  task: DocumentTask,
  timers: Pick<Timers, "delay">,
): Promise<DocumentRead> {
  const patience = timers.delay(READ_MS_MAX);
  try {
    const thread = new Worker(THREAD, { workerData: task });
    try {
      return await Promise.race([
        answerOf(thread),
        patience.over.then(() => rejectedFor(task, `not within ${String(READ_MS_MAX / 1_000)} seconds`)),
      ]);
    } finally {
      await thread.terminate();
    }
  } catch (thrown) {
    const code = codeOf(thrown);
    return rejectedFor(task, code === OUT_OF_MEMORY ? "not enough memory" : (code ?? messageOf(thrown)));
  } finally {
    patience.cancel();
  }
}

function answerOf(thread: Worker): Promise<DocumentRead> {
  return new Promise((resolve, reject) => {
    thread.once("message", resolve);
    for (const event of ["error", "messageerror"]) thread.once(event, reject);
    thread.once("exit", (code) => {
      reject(new Error(`the thread ended with ${String(code)}`));
    });
  });
}

function rejectedFor({ path }: DocumentTask, why: string): DocumentRead {
  const fault = `${printablePath(path)} cannot be read (${why}); make it smaller, write it as JSON, or give this machine more memory`;
  return { kind: "rejected", faults: [fault], mayPass: true, paths: [path] };
}

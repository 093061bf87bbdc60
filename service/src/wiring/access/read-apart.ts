import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { DocumentTask } from "./document-thread.ts";
import type { DocumentRead } from "./read-document.ts";

/** Node runs only JavaScript in a thread, so from the sources the built thread is used. */
const THREAD = import.meta.url.endsWith(".ts")
  ? new URL("../../../dist/wiring/access/document-thread.js", import.meta.url)
  : new URL("./document-thread.js", import.meta.url);

/** Reads an access document in a thread of its own, so that no mint waits for it. Rejects when the thread fails. */
export async function readDocumentApart(task: DocumentTask): Promise<DocumentRead> {
  const thread = new Worker(THREAD, { workerData: task });
  try {
    const [read] = (await once(thread, "message")) as [DocumentRead];
    return read;
  } finally {
    await thread.terminate();
  }
}

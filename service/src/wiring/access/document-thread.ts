import { parentPort, workerData } from "node:worker_threads";
import { type DocumentRules, readDocument } from "./read-document.ts";

// The main file of a thread that reads one document and ends: parsing and checking one of 10,000 callers takes about a second.

/** What is to be read. */
export interface DocumentTask {
  readonly path: string;
  readonly setting: string | undefined;
  readonly rules: DocumentRules;
}

const { path, setting, rules } = workerData as DocumentTask;
parentPort?.postMessage(await readDocument(path, setting, rules));

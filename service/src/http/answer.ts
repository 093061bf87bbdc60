import type { ServerResponse } from "node:http";
import type { RequestId } from "../kernel/ids.ts";
import type { Problem } from "./problem.ts";

/** What a route answers: plain data, written to the wire in one place. */
export interface Answer {
  readonly status: number;
  /** Names and values in turn: the form that Node writes without copying. */
  readonly headers: readonly string[];
  /** `undefined`: no body, as 204 and 304 have none. */
  readonly body: string | undefined;
}

const JSON_HEADERS = ["content-type", "application/json", "x-content-type-options", "nosniff"];
const JSON_UNCACHED = [...JSON_HEADERS, "cache-control", "no-store"];

/** A JSON answer that no cache may keep. */
export function json(status: number, value: unknown, headers: readonly string[] = []): Answer {
  const all = headers.length === 0 ? JSON_UNCACHED : [...JSON_UNCACHED, ...headers];
  return { status, headers: all, body: JSON.stringify(value) };
}

/** A JSON answer whose text is already there, with caching headers of its own. */
export function rendered(body: string, headers: readonly string[]): Answer {
  return { status: 200, headers: [...JSON_HEADERS, ...headers], body };
}

/** An answer without a body. */
export function empty(status: 204 | 304, headers: readonly string[]): Answer {
  return { status, headers, body: undefined };
}

/** An error as JSON, in the one shape that callers know: `{"error": text}`. */
export function problemAnswer(problem: Problem): Answer {
  const retry =
    problem.retryAfterSeconds === undefined ? [] : ["retry-after", String(problem.retryAfterSeconds)];
  return json(problem.status, { error: problem.text }, retry);
}

/** Writes an answer. A HEAD request gets the headers of the body that it does not get. */
export function send(outgoing: ServerResponse, answer: Answer, requestId: RequestId): void {
  const { status, headers, body } = answer;
  const framing = body === undefined ? [] : ["content-length", String(Buffer.byteLength(body))];
  outgoing.writeHead(status, [...headers, ...framing, "x-request-id", requestId]);
  outgoing.end(outgoing.req.method === "HEAD" ? undefined : body);
}

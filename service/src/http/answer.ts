import type { ServerResponse } from "node:http";
import type { RequestId } from "../kernel/ids.ts";
import type { Problem } from "./problem.ts";

/** What a route answers: plain data, written to the wire in one place. */
export interface Answer {
  readonly status: number;
  /** Names and values in turn, those of the framing included: the form that Node writes without copying. */
  readonly headers: readonly string[];
  /** `undefined`: no body, as 204 and 304 have none. */
  readonly body: Body | undefined;
}

interface Body {
  readonly text: string;
  /** An ASCII text is written as `latin1`: the same bytes, without another scan for longer characters. */
  readonly encoding: "latin1" | "utf8";
}

const JSON_HEADERS = ["content-type", "application/json", "x-content-type-options", "nosniff"];
const JSON_UNCACHED = [...JSON_HEADERS, "cache-control", "no-store"];

/** An answer with a body, whose length is counted here, once for an answer that is given many times. */
export function answerWith(status: number, headers: readonly string[], text: string): Answer {
  const bytes = Buffer.byteLength(text);
  return {
    status,
    headers: [...headers, "content-length", String(bytes)],
    body: { text, encoding: bytes === text.length ? "latin1" : "utf8" },
  };
}

/** A JSON answer that no cache may keep. */
export function json(status: number, value: unknown, headers: readonly string[] = []): Answer {
  return answerWith(status, [...JSON_UNCACHED, ...headers], JSON.stringify(value));
}

/** A JSON answer whose text is already made, with its own caching headers. */
export function rendered(text: string, headers: readonly string[]): Answer {
  return answerWith(200, [...JSON_HEADERS, ...headers], text);
}

/** An answer without a body. */
export function empty(status: 204 | 304, headers: readonly string[]): Answer {
  return { status, headers, body: undefined };
}

/** An error as JSON, in the one shape that callers know: `{"error": text}`. */
export function problemAnswer({ status, text, headers }: Problem): Answer {
  return json(status, { error: text }, headers);
}

/** Writes an answer. A HEAD request gets the same headers and no body. */
export function send(
  outgoing: ServerResponse,
  { status, headers, body }: Answer,
  requestId: RequestId,
): void {
  outgoing.writeHead(status, [...headers, "x-request-id", requestId]);
  if (body === undefined || outgoing.req.method === "HEAD") outgoing.end();
  else outgoing.end(body.text, body.encoding);
}

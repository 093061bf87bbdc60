import { once } from "node:events";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Stopwatch } from "../../kernel/clock.ts";
import { codeOf } from "../../kernel/faults.ts";

/** One answer of a running service, or why there was none. Redirects are answers: they are never followed. */
export type Answer =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly headers: IncomingMessage["headers"];
      /** The first 100 KiB. */
      readonly body: string;
      readonly bodyIs: "whole" | "cut";
      /** Until the connection stood. */
      readonly connectMs: number;
      /** Until the last byte. */
      readonly totalMs: number;
    }
  | { readonly kind: "silent"; readonly why: string };

/** The whole time that the runtime gives a JWKS request, and callers a mint. */
const ANSWER_MS_MAX = 5_000;
const BODY_BYTES_MAX = 102_400;
const WHY: Readonly<Record<string, string>> = {
  ABORT_ERR: "no whole answer came within 5 seconds",
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the name of the host is unknown",
  ECONNRESET: "the connection was cut",
};

/** One request on a connection of its own. Never rejects: whatever goes wrong is the answer `silent`. */
export async function ask(
  url: URL,
  { method, body }: { readonly method: "GET" | "POST"; readonly body?: string },
  stopwatch: Stopwatch,
): Promise<Answer> {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  const started = stopwatch.elapsed();
  const msSinceStart = () => (stopwatch.elapsed() - started) * 1_000;
  try {
    const request = url.protocol === "https:" ? requestHttps : requestHttp;
    const headers =
      body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
    const outgoing = request(url, { method, headers, agent: false, signal });
    // A fault after the head of the answer comes here as well as to the reader of its body, who tells of it.
    outgoing.on("error", () => undefined);
    let connectMs = 0;
    outgoing.once("socket", (socket) => {
      socket.once("connect", () => {
        connectMs = msSinceStart();
      });
    });
    outgoing.end(body);
    const [incoming] = (await once(outgoing, "response", { signal })) as [IncomingMessage];
    const read = await readBody(incoming);
    return {
      kind: "answered",
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      ...read,
      connectMs,
      totalMs: msSinceStart(),
    };
  } catch (thrown) {
    const code = codeOf(thrown) ?? "unknown fault";
    return { kind: "silent", why: WHY[code] ?? code };
  }
}

async function readBody(incoming: IncomingMessage): Promise<{ body: string; bodyIs: "whole" | "cut" }> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of incoming as AsyncIterable<Buffer>) {
    pieces.push(piece);
    bytes += piece.length;
    // Leaving the loop closes the connection.
    if (bytes > BODY_BYTES_MAX) break;
  }
  const body = Buffer.concat(pieces).subarray(0, BODY_BYTES_MAX).toString("utf8");
  return { body, bodyIs: bytes > BODY_BYTES_MAX ? "cut" : "whole" };
}

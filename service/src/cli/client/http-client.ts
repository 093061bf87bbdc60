import { once } from "node:events";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Stopwatch } from "../../kernel/clock.ts";
import { codeOf } from "../../kernel/faults.ts";

/** One request of a command. */
export interface Ask {
  readonly method: "GET" | "POST";
  /** A JSON text. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the whole answer; 5 seconds when left out, as the runtime gives a JWKS request, and callers a mint. */
  readonly timeoutMs?: number;
  /** How much of the body is read; 100 KiB when left out. */
  readonly bodyBytesMax?: number;
  /** The authorities of an https address, PEM; those that Node knows when left out. */
  readonly ca?: string | undefined;
}

/** The answer to a request. A redirect is one: none is ever followed. */
export interface Answered {
  readonly kind: "answered";
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** `cut`: the body is longer than what was read of it. */
  readonly bodyIs: "whole" | "cut";
  /** Until the connection was established. */
  readonly connectMs: number;
  /** Until the last byte. */
  readonly totalMs: number;
}

/** Why there is no answer: a code of Node, or `TIMEOUT` when it was not complete after `timeoutMs`. */
export interface NoAnswer {
  readonly kind: "no-answer";
  readonly code: string;
  readonly timeoutMs: number;
}

/** The outcome of one request. */
export type Answer = Answered | NoAnswer;

/** Sends one request on a connection of its own. Never rejects: what goes wrong is a `NoAnswer`. */
export async function ask(
  url: URL,
  { method, body, headers = {}, timeoutMs = 5_000, bodyBytesMax = 102_400, ca }: Ask,
  stopwatch: Stopwatch,
): Promise<Answer> {
  const signal = AbortSignal.timeout(timeoutMs);
  const started = stopwatch.elapsed();
  const msSinceStart = () => (stopwatch.elapsed() - started) * 1_000;
  try {
    const request = url.protocol === "https:" ? requestHttps : requestHttp;
    const outgoing = request(url, {
      method,
      headers: { ...headers, ...framingOf(body) },
      agent: false,
      signal,
      ...(ca !== undefined && { ca }),
    });
    // A fault after the head of the answer is also reported to the reader of its body.
    outgoing.on("error", () => undefined);
    let connectMs = 0;
    outgoing.once("socket", (socket) => {
      socket.once("connect", () => {
        connectMs = msSinceStart();
      });
    });
    outgoing.end(body);
    const [incoming] = (await once(outgoing, "response", { signal })) as [IncomingMessage];
    const read = await readBody(incoming, bodyBytesMax);
    return {
      kind: "answered",
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      ...read,
      connectMs,
      totalMs: msSinceStart(),
    };
  } catch (thrown) {
    const code = signal.aborted ? "TIMEOUT" : (codeOf(thrown) ?? "unknown fault");
    return { kind: "no-answer", code, timeoutMs };
  }
}

function framingOf(body: string | undefined): Readonly<Record<string, string>> {
  if (body === undefined) return {};
  return { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
}

async function readBody(
  incoming: IncomingMessage,
  bytesMax: number,
): Promise<Pick<Answered, "body" | "bodyIs">> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of incoming as AsyncIterable<Buffer>) {
    pieces.push(piece);
    bytes += piece.length;
    // Leaving the loop closes the connection.
    if (bytes > bytesMax) break;
  }
  const body = Buffer.concat(pieces).subarray(0, bytesMax).toString("utf8");
  return { body, bodyIs: bytes > bytesMax ? "cut" : "whole" };
}

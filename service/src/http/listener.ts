import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { codeOf } from "../kernel/faults.ts";
import { type RequestId, requestIdFrom } from "../kernel/ids.ts";
import type { Random } from "../kernel/random.ts";
import type { Log } from "../telemetry/log.ts";
import { PROBLEMS, type Reason, problem } from "./problem.ts";
import { problemResponse } from "./respond.ts";

/** How much a client may take of this server (docs/operations.md says why each number). */
export const LIMITS = {
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  checkingIntervalMs: 1_000,
  /** Longer than the 60 s after which common proxies drop an idle connection, so that it is they who close it. */
  keepAliveTimeoutMs: 65_000,
  headerBytesMax: 16_384,
  connectionsMax: 1_000,
} as const;

export interface ListenerDeps {
  readonly log: Log;
  readonly random: Random;
}

/** What answers requests: a Hono application's `fetch`. */
export type Answer = Parameters<typeof getRequestListener>[0];

/** An HTTP server with this service's limits, in which every request ends in a JSON answer. Not yet listening. */
export function httpServer(deps: ListenerDeps, fetch: Answer): Server {
  const answer = getRequestListener(fetch, {
    // HTTP/1.0 health checkers send no Host; this name only completes the URL and is never shown.
    hostname: "localhost",
    errorHandler: () => problemResponse(problem("request_malformed")),
  });
  const answering = new WeakMap<object, ServerResponse>();
  const onRequest: RequestListener = (incoming, outgoing) => {
    answering.set(incoming.socket, outgoing);
    outgoing.setHeader("x-request-id", requestIdFrom(headerOf(incoming, "x-request-id"), deps.random));
    if (incoming.httpVersion === "1.1" && incoming.headers.host === undefined) return finish(outgoing, "request_malformed");
    void answer(incoming, outgoing);
  };
  const server = createServer(
    {
      headersTimeout: LIMITS.headersTimeoutMs,
      requestTimeout: LIMITS.requestTimeoutMs,
      connectionsCheckingInterval: LIMITS.checkingIntervalMs,
      keepAliveTimeout: LIMITS.keepAliveTimeoutMs,
      maxHeaderSize: LIMITS.headerBytesMax,
      requireHostHeader: false,
      noDelay: true,
    },
    onRequest,
  );
  server.maxConnections = LIMITS.connectionsMax;
  server.on("checkExpectation", (_incoming, outgoing: ServerResponse) => {
    finish(outgoing, "expectation_unsupported");
  });
  server.on("clientError", (fault: Error, socket: Socket) => {
    refuseRaw(socket, answering.get(socket), reasonOf(fault));
  });
  server.on("drop", () => {
    deps.log.warn({ event: "connection_dropped", connections_max: LIMITS.connectionsMax });
  });
  return server;
}

function finish(outgoing: ServerResponse, reason: Reason): void {
  const { status, text } = PROBLEMS[reason];
  outgoing.writeHead(status, { "content-type": "application/json", connection: "close" });
  outgoing.end(JSON.stringify({ error: text }));
}

/** Answers a request that the HTTP parser could not read: there is no response object for it, only the socket. */
function refuseRaw(socket: Socket, current: ServerResponse | undefined, reason: Reason): void {
  const midAnswer = current !== undefined && current.headersSent && !current.writableFinished;
  if (!socket.writable || midAnswer) {
    socket.destroy();
    return;
  }
  const { status, text } = PROBLEMS[reason];
  const body = JSON.stringify({ error: text });
  const head = `HTTP/1.1 ${String(status)} ${STATUS_TEXT[status] ?? "Error"}\r\ncontent-type: application/json\r\ncontent-length: ${String(body.length)}\r\nconnection: close\r\n\r\n`;
  socket.end(head + body);
}

const STATUS_TEXT: Readonly<Record<number, string>> = { 400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large" };

function reasonOf(fault: Error): Reason {
  switch (codeOf(fault)) {
    case "HPE_HEADER_OVERFLOW":
      return "headers_too_large";
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "request_timeout";
    default:
      return "request_malformed";
  }
}

function headerOf(incoming: IncomingMessage, name: string): string | undefined {
  const value = incoming.headers[name];
  return typeof value === "string" ? value : undefined;
}

/** The id of the request that this response belongs to. */
export function requestIdOf(outgoing: { getHeader(name: string): unknown }): RequestId {
  return outgoing.getHeader("x-request-id") as RequestId;
}

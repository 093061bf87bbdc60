import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { codeOf } from "../kernel/faults.ts";
import { type RequestId, requestIdFrom } from "../kernel/ids.ts";
import type { Random } from "../kernel/random.ts";
import type { Log } from "../telemetry/log.ts";
import { PROBLEMS, problem, type Reason } from "./problem.ts";
import { problemResponse } from "./respond.ts";

/** How much a client may take of this server (docs/operations.md says why each number). */
const LIMITS = {
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

/** An HTTP server, and a way to end the connections on which nothing is under way. */
export interface Listener {
  readonly server: Server;
  /** Closes every connection without a request in flight, those that never sent one included. */
  closeQuiet(): void;
}

/** An HTTP server with this service's limits, in which every request ends in a JSON answer. Not yet listening. */
export function httpServer(deps: ListenerDeps, fetch: Answer): Listener {
  const answer = getRequestListener(fetch, {
    // HTTP/1.0 health checkers send no Host; this name only completes the URL and is never shown.
    hostname: "localhost",
    errorHandler: () => problemResponse(problem("request_malformed")),
  });
  // Each connection, with the responses that it still owes, in the order of their requests.
  const owed = new Map<Socket, Set<ServerResponse>>();
  const onRequest: RequestListener = (incoming, outgoing) => {
    const responses = owed.get(incoming.socket);
    responses?.add(outgoing);
    outgoing.once("close", () => responses?.delete(outgoing));
    outgoing.setHeader("x-request-id", requestIdFrom(headerOf(incoming, "x-request-id"), deps.random));
    if (incoming.httpVersion === "1.1" && incoming.headers.host === undefined) {
      finish(outgoing, "request_malformed");
      return;
    }
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
  server.on("connection", (socket) => {
    owed.set(socket, new Set());
    socket.once("close", () => owed.delete(socket));
  });
  server.on("clientError", (fault: Error, socket: Socket) => {
    const [...responses] = owed.get(socket) ?? [];
    refuseRaw(socket, responses, reasonOf(fault), requestIdFrom(undefined, deps.random));
  });
  server.on("drop", () => {
    deps.log.warn({ event: "connection_dropped", connections_max: LIMITS.connectionsMax });
  });
  return {
    server,
    closeQuiet() {
      for (const [socket, responses] of owed) if (responses.size === 0) socket.destroySoon();
    },
  };
}

function finish(outgoing: ServerResponse, reason: Reason): void {
  const { status, text } = PROBLEMS[reason];
  outgoing.writeHead(status, { "content-type": "application/json", connection: "close" });
  outgoing.end(JSON.stringify({ error: text }));
}

/**
 * Answers a request that the HTTP parser could not read: there is no response object for it, only the socket. Requests before
 * it on the same connection are answered first (RFC 9112 section 9.3.2), and then the connection ends without a word on it.
 */
function refuseRaw(
  socket: Socket,
  owed: readonly ServerResponse[],
  reason: Reason,
  requestId: RequestId,
): void {
  const last = owed.at(-1);
  const pipelined = last?.req.complete === true;
  if (pipelined) {
    last.once("close", () => {
      socket.destroySoon();
    });
    return;
  }
  if (!socket.writable || last?.headersSent === true || owed.length > 1) {
    socket.destroy();
    return;
  }
  const { status, text } = PROBLEMS[reason];
  const body = JSON.stringify({ error: text });
  const lines = [
    `HTTP/1.1 ${String(status)} ${STATUS_TEXT[status] ?? "Error"}`,
    "content-type: application/json",
    `content-length: ${String(body.length)}`,
    `x-request-id: ${requestId}`,
    "connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: "Bad Request",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
};

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
